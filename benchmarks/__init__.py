"""Benchmarks of Lockstep against other ways to do the same; each prints JSON with --json."""
