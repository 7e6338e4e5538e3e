"""params.yaml and dvc.yaml: their shape, read, changed and checked. The only door to YAML."""
