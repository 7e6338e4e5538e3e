"""The Prefect flows, the command line, and the workspaces in which stages run."""
