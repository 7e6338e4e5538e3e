"""Scores and plots of the outputs on the test split."""
