"""The paths of a project's files, relative to the project.

The first part is what stages write; dvc.yaml has the same paths. The second is kept in the main
checkout, also after the workspaces made from it are deleted.
"""

from pathlib import Path

GRAPH, PARAMS, LOCK = Path("dvc.yaml"), Path("params.yaml"), Path("dvc.lock")
REQUIREMENTS = Path("requirements.lock")

RAW, READY = Path("data/raw"), Path("data/ready")
SPEC = READY / "spec.json"
WEIGHTS = Path("weights")
INITIAL_WEIGHTS = WEIGHTS / "initial.weights.h5"
BEST_WEIGHTS, LAST_WEIGHTS = WEIGHTS / "best.weights.h5", WEIGHTS / "last.weights.h5"
REPORT = Path("report")
DATA_CARD, DATA_TEXT, DATA_PICTURES = REPORT / "data.json", REPORT / "data.md", REPORT / "data"
SUMMARY, MODEL_SIZE = REPORT / "summary.txt", REPORT / "model.json"
LAST_SNAPSHOT = WEIGHTS / "snapshot"
HISTORY, STEPS = REPORT / "history.csv", REPORT / "steps.csv"
CHECKPOINT_EPOCHS = REPORT / "checkpoints.csv"
OUTPUTS, METRICS = REPORT / "outputs.npy", REPORT / "metrics.json"
CLASSES, PREDICTIONS = REPORT / "classes.csv", REPORT / "predictions.csv"
ROC, PRECISION_RECALL = REPORT / "roc.csv", REPORT / "precision_recall.csv"
CURVES_PLOT, MISTAKES_PLOT = REPORT / "curves.png", REPORT / "mistakes.png"
PREDICTIONS_PLOT = REPORT / "predictions.png"
REGISTERED = REPORT / "registered.json"
FOLDS_PAGE, FOLDS_FIGURES = REPORT / "folds.md", REPORT / "folds.json"  # by lockstep run
SEEDS, SWEEP_PAGES = REPORT / "seeds.csv", REPORT / "sweeps"  # by lockstep sweep
RESULTS = ("data/", "weights/", "report/")  # prefixes of the paths that stages write
WRITTEN = (RAW, READY, WEIGHTS, REPORT)  # by stages; data/ has .dvc files of the user too

EXPORT, CHECKPOINTS, LOGS = Path("export"), Path("checkpoints"), Path("logs")
TRACKING_DATABASE, TRACKING_ARTIFACTS = Path("mlflow.db"), Path("mlartifacts")
PRIVATE = Path(".lockstep")
SNAPSHOTS, WORKSPACES, SERVERS = PRIVATE / "snapshots", PRIVATE / "workspaces", PRIVATE / "servers"
SERVER_ADDRESSES, UNSENT = SERVERS / "addresses.json", PRIVATE / "unsent"
SWEEPS = PRIVATE / "sweeps"
KERAS_HOME, RECORDED_HASHES = PRIVATE / "keras", PRIVATE / "first-hashes.json"
DOWNLOADS, PRETRAINED = PRIVATE / "downloads", PRIVATE / "pretrained"
VEGA, TRUSTED = PRIVATE / "vega.js", PRIVATE / "models.json"
RUN_LOCK, RUN_HOLDER = PRIVATE / "run.lock", PRIVATE / "run.json"
VERIFIED, DAMAGED = PRIVATE / "verified.json", PRIVATE / "damaged"
LOCK_COPY = PRIVATE / "dvc.lock"  # of the checkout or workspace itself
GIT_LOCK, TRACKING_LOCK = PRIVATE / "git.lock", PRIVATE / "mlflow.lock"
CHAMPION_LOCK = PRIVATE / "champion.lock"


BEST, LAST = "best", "last"  # the names of the weights that a training leaves


def weights_of(name: str) -> Path:
    """Return the path of the `best` or `last` weights."""
    return WEIGHTS / f"{name}.weights.h5"
