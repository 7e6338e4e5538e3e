"""One training with all that is kept and shown of it, and the same with none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks import _measure
from lockstep.config.overrides import write_overridden
from lockstep.config.reading import load_params
from lockstep.storage import layout
from lockstep.tracking import recorder
from lockstep.training.callbacks import lasting_callbacks, shown_callbacks
from lockstep.training.trainer import Training
from tasks.__main__ import run_stage

OVERRIDES = ["model.name=cnn", "train.batch_size=128", "train.epochs=2"]


@contextmanager
def training(
    folder: Path, data: Path, name: str
) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Yield what trains two epochs with no callback, and what does it as the train stage does.

    Both on the data set `name` with the CNN at batch 128, validation included, in a clone under
    `folder`.
    """
    root = _measure.clone(folder / "lockstep")
    which = [f"data.name={name}", f"data.mirror={data}"]
    write_overridden(root / layout.PARAMS, [*OVERRIDES, *which])
    for before in ("download", "normalize", "build"):
        run_stage(before, root)
    values = load_params(root)
    training = Training(values, root)
    with recorder.record(values, root, "train") as run:
        loop = training.loop()
        folders = (root / layout.BUNDLES / str(number) for number in count())

        def whole() -> None:
            lasting = lasting_callbacks(values, root, run.key)
            resume = training.resume(loop, lasting, next(folders))
            training.run(loop, [*lasting, *shown_callbacks(values, lasting, run.send)], resume)

        yield lambda: loop.fit(training.train, training.validation, [], epochs=2), whole
