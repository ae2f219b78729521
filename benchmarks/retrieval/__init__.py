"""Retrieval of works by the same artist, with every metric of `restyle compare`."""
