"""Scores of results against content and style."""
