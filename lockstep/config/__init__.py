"""Reads, changes and validates params.yaml, and reads dvc.yaml. The only package that uses YAML."""
