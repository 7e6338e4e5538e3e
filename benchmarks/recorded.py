"""One training with all that is kept and shown of it, and the same with none."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import params
from benchmarks._measure import REPOSITORY
from tasks import _stages
from tasks import train as stage
from tasks._tracking import runs
from tasks._training import Training

OVERRIDES = ["data.name=mnist", "model.name=cnn", "train.batch_size=128", "train.epochs=2"]


@contextmanager
def training(folder: Path, data: Path) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Yield what trains two epochs with no callback, and what does it as the train stage does.

    Both on MNIST with the CNN at batch 128, validation included, in a clone under `folder`.
    """
    root = folder / "lockstep"
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(root)], check=True)
    params.write_overridden(root / "params.yaml", [*OVERRIDES, f"data.mirror={data}"])
    for name in ("download", "normalize", "build"):
        _stages.run(name, root)
    values = params.load(root / "params.yaml")
    training = Training(values, root)
    with runs.record(values, root, "train") as run:
        loop = training.loop()
        folders = (root / ".lockstep" / "bundles" / str(number) for number in count())

        def whole() -> None:
            lasting = stage._lasting(values, root, run.key)
            resume = training.resume(loop, lasting, next(folders), stage._files_of(lasting))
            training.run(loop, [*lasting, *stage._shown(values, run, lasting)], resume)

        yield lambda: loop.fit(training.train, training.validation, [], epochs=2), whole
