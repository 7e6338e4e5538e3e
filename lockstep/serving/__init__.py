"""Saved models: found, loaded, exported, and used for a person's own files."""
