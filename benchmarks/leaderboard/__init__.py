"""The leaderboard: our models on fixed suites, with the committed rows in docs/lab/leaderboard."""
