"""Training: everything that affects its result, bit for bit."""
