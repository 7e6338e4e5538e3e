"""Where the files of a project lie, each as a path within it.

The first part is what stages write, as dvc.yaml names it too. The second belongs to the main
checkout, and outlives the workspaces that are made from it.
"""

from pathlib import Path

GRAPH, PARAMS = Path("dvc.yaml"), Path("params.yaml")

RAW, READY = Path("data/raw"), Path("data/ready")
SPEC = READY / "spec.json"
WEIGHTS = Path("weights")
INITIAL_WEIGHTS = WEIGHTS / "initial.weights.h5"
BEST_WEIGHTS, LAST_WEIGHTS = WEIGHTS / "best.weights.h5", WEIGHTS / "last.weights.h5"
REPORT = Path("report")
SUMMARY, MODEL_SIZE = REPORT / "summary.txt", REPORT / "model.json"
HISTORY = REPORT / "history.csv"
OUTPUTS, METRICS = REPORT / "outputs.npy", REPORT / "metrics.json"
CLASSES, PREDICTIONS = REPORT / "classes.csv", REPORT / "predictions.csv"
CURVES_PLOT, MISTAKES_PLOT = REPORT / "curves.png", REPORT / "mistakes.png"
PREDICTIONS_PLOT = REPORT / "predictions.png"
REGISTERED = REPORT / "registered.json"
RESULTS = ("data/", "weights/", "report/")  # how the paths of what stages write begin

EXPORT, CHECKPOINTS, LOGS = Path("export"), Path("checkpoints"), Path("logs")
TRACKING_DATABASE, TRACKING_ARTIFACTS = Path("mlflow.db"), Path("mlartifacts")
PRIVATE = Path(".lockstep")
BUNDLES, WORKSPACES, SERVERS = PRIVATE / "bundles", PRIVATE / "workspaces", PRIVATE / "servers"
KERAS_HOME, RECORDED_HASHES = PRIVATE / "keras", PRIVATE / "first-hashes.json"
GIT_LOCK, TRACKING_LOCK = PRIVATE / "git.lock", PRIVATE / "mlflow.lock"


def weights_of(name: str) -> Path:
    """Return the path of the weights best or last."""
    return WEIGHTS / f"{name}.weights.h5"
