"""Published networks, rebuilt from their papers with random weights, for comparing speed."""
