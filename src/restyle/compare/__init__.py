"""Distances between styles: measurements, metrics, and charts of many styles."""
