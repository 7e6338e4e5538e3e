"""Faults injected for real, and what must hold after each: `make test-faults`, `make soak`."""
