"""A training with all callbacks, snapshots and recording, and the same training without."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks import _measure
from lockstep.config.overrides import write_overridden
from lockstep.config.reading import load_params
from lockstep.storage import layout
from lockstep.tracking import recorder
from lockstep.training.callbacks import progress_callbacks, stateful_callbacks
from lockstep.training.trainer import Training
from tasks.__main__ import run_stage

OVERRIDES = ["model.name=cnn", "train.batch_size=128", "train.epochs=2"]


@contextmanager
def training(
    folder: Path, data: Path, name: str
) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Yield two functions that train two epochs: without callbacks, and as the train stage does.

    Both use the data set `name`, the CNN with batch size 128, and validation, in a clone under
    `folder`.
    """
    root = _measure.clone(folder / "lockstep")
    which = [f"data.name={name}", f"data.mirror={data}"]
    write_overridden(root / layout.PARAMS, [*OVERRIDES, *which])
    for before in ("download", "normalize", "build"):
        run_stage(before, root)
    params = load_params(root)
    training = Training(params, root)
    with recorder.record(params, root, "train") as run:
        loop = training.loop()
        folders = (root / layout.SNAPSHOTS / str(number) for number in count())

        def whole() -> None:
            callbacks = stateful_callbacks(params, root, run.key, training.spec.targets)
            resume = training.resume(loop, callbacks, next(folders))
            training.run(
                loop, [*callbacks, *progress_callbacks(params, callbacks, run.send)], resume
            )

        yield lambda: loop.fit(training.train, training.validation, [], epochs=2), whole
