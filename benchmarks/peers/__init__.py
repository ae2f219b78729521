"""Networks of others, rebuilt from their papers with random weights, to be timed beside ours."""
