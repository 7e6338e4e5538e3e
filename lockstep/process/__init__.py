"""This process: its console, exit code, environment variables and parent process."""
