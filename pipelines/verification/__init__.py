"""Rebuilds a recorded experiment in a fresh clone, and compares the results."""
