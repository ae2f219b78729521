"""Benchmark of `restyle batch`: throughput by engine and workers, memory, restart, growth with rows."""
