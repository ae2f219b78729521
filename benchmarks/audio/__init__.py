"""The audio benchmark: methods and trivial rows on real pairs, scored by `benchmarks.audio.scorecard`."""
