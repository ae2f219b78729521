"""How alike two styles are: what is measured of each, the distances, and pictures of them."""
