"""Studies: the same data and the same budget for many networks, several seeds, and a report to read."""
