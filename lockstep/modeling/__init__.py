"""The model: made, compiled, and what stands in front of it."""
