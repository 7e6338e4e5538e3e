"""This process: its console, exit code, environment and runner."""
