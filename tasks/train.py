"""The stage that trains the model under a tf.distribute strategy."""

from pathlib import Path

from lockstep.config.schema import Params
from lockstep.modeling.weights import save_weights
from lockstep.runtime.strategy import runtime_tags
from lockstep.storage import layout
from lockstep.tracking import recorder
from lockstep.training import checkpoints, snapshots, tensorboard_logs
from lockstep.training.callbacks import progress_callbacks, stateful_callbacks
from lockstep.training.trainer import Training


def train(params: Params, root: Path) -> None:
    """Train from weights/initial.weights.h5; write best and last weights, and report/history.csv.

    Resumes from a snapshot if the same training was interrupted. Raises MachineError for more
    replicas than devices, DivergedError if the loss isn't finite, UnavailableError for a lost
    worker.
    """
    training = Training(params, root)
    tags = runtime_tags(training.strategy)
    with (
        recorder.record(params, root, "train", tags) as run,
        snapshots.directory(root, training.key) as folder,
    ):
        training.take_over_earlier(folder)
        loop = training.loop()
        callbacks = stateful_callbacks(params, root, run.key, training.spec.targets)
        resume = training.resume(loop, callbacks, folder)
        if resume.snapshot:
            tensorboard_logs.keep_until(root, run.key, resume.snapshot.written)
        else:
            tensorboard_logs.remove(root, run.key)
        training.run(loop, [*callbacks, *progress_callbacks(params, callbacks, run.send)], resume)
        save_weights(loop.model, root / layout.LAST_WEIGHTS)
        checkpoints.add_last(params, root, callbacks)
        snapshots.mark_finished(folder, root)
