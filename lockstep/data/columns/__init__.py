"""A table's columns: what kind each is, and how its cells become numbers."""
