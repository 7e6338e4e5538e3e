"""The only door to MLflow.

MLflow is a projection of the files that DVC tracks: whatever it lacks is sent again from them.
"""
