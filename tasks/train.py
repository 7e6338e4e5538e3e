"""The stage that finds weights, with the graph loop under a tf.distribute strategy."""

from pathlib import Path

from lockstep.config.schema import Params
from lockstep.modeling.weights import save_weights
from lockstep.runtime.strategy import runtime_tags
from lockstep.storage import layout
from lockstep.tracking import recorder
from lockstep.training import snapshots
from lockstep.training.callbacks import forget_logs, lasting_callbacks, shown_callbacks
from lockstep.training.trainer import Training


def train(params: Params, root: Path) -> None:
    """Train from weights/initial.weights.h5; write best and last weights, and report/history.csv.

    Goes on from a bundle, if the same training was cut off. Raises MachineError for more replicas
    than devices, DivergedError for a loss not finite, UnavailableError for a lost worker.
    """
    training = Training(params, root)
    facts = runtime_tags(training.strategy)
    with (
        recorder.record(params, root, "train", facts) as run,
        snapshots.place(root, training.key) as own,
    ):
        loop = training.loop()
        lasting = lasting_callbacks(params, root, run.key)
        resume = training.resume(loop, lasting, own)
        if not resume.bundle:
            forget_logs(root, run.key)
        training.run(loop, [*lasting, *shown_callbacks(params, lasting, run.send)], resume)
        save_weights(loop.model, root / layout.LAST_WEIGHTS)
        snapshots.finish(own, root)
