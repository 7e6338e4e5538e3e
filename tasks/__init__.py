"""One file per stage of dvc.yaml; files with a leading underscore are no stages."""
