"""The only door to DVC, which decides what is stale and which bytes belong to which experiment."""
