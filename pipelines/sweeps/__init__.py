"""Sweeps: many experiments by one command, suggested by Optuna and trained in a few processes."""
