"""Atomic file writes, and the paths of a project's files."""
