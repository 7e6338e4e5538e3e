"""The only package that uses MLflow.

MLflow shows what the files tracked by DVC contain: what it lacks can be sent again from them.
"""

KEY = "lockstep.experiment"  # the tag by which the run of an experiment is found
# Environment variables set by a flow for the processes of its stages, and sent to MLflow as tags.
FLOW_RUN, FLOW_RUN_URL = "LOCKSTEP_FLOW_RUN", "LOCKSTEP_FLOW_RUN_URL"
PRESET = "LOCKSTEP_PRESET"  # likewise, the name of the preset, for the run's name
PARENT = "LOCKSTEP_PARENT_RUN"  # likewise, the MLflow run of the sweep of an experiment
