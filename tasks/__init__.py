"""One file for each stage of dvc.yaml; a leading underscore marks what stages share."""
