"""What the studio costs, and what it stands: see `python -m benchmarks.studio --help`."""
