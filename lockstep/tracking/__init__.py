"""The only door to MLflow.

MLflow is a projection of the files that DVC tracks: whatever it lacks is sent again from them.
"""

# Variables that a flow sets, for whatever process runs a stage of it: a run's tags lead back.
FLOW_RUN, FLOW_RUN_URL = "LOCKSTEP_FLOW_RUN", "LOCKSTEP_FLOW_RUN_URL"
