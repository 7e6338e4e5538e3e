"""Stages whose workers are processes on several machines, started by an engine such as Ray."""
