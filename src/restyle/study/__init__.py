"""Studies: compare networks on the same data and budget, with several seeds, and write a report."""
