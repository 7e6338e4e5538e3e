"""Whether training is reproducible bit for bit: repeated, on workers, streamed, after kill -9.

    python -m benchmarks.exactness --json [--runs 20] [--smallest]

About 12 minutes on two cores. Runs `train` stages as separate processes, on digits, with dropout,
batch normalization, Adam, augmentation, ReduceLROnPlateau and EarlyStopping. A killed run is
restarted without the stage's outputs, as DVC would do it. Writes its table into
docs/performance.md.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from benchmarks import _measure
from lockstep.config.overrides import write_overridden
from lockstep.modeling.weights import weights_digest
from lockstep.storage import layout

TRAINING = [
    "model.name=cnn",
    "model.cnn.dropout=0.3",
    "model.cnn.batch_normalization=true",
    "train.augmentation=[{name: RandomTranslation, height_factor: 0.1, width_factor: 0.1}]",
    "train.callbacks=[{name: ReduceLROnPlateau, patience: 2, factor: 0.5}, "
    "{name: EarlyStopping, patience: 12, restore_best_weights: true}]",
    "train.snapshot_seconds=0",
    "train.steps_per_execution=10",
    "train.cluster_timeout_seconds=60",
]
MLP = ["model.name=mlp", "train.epochs=2", "model.mlp.dropout=0.0", "train.jit_compile=false"]
RESULTS = (layout.BEST_WEIGHTS, layout.LAST_WEIGHTS, layout.HISTORY)
EPOCH_SECONDS = 0.1  # approximately
Digests = tuple[str, ...]


class Size(NamedTuple):
    """How long each training is, and how many are killed."""

    epochs: int
    kills: int


FULL, SMALLEST = Size(40, 20), Size(6, 1)


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    parser = _measure.parser(__doc__)
    parser.add_argument("--runs", type=int, help="number of trainings to kill")
    options = parser.parse_args()
    size = SMALLEST if options.smallest else FULL
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), size._replace(kills=options.runs or size.kills))
    rows = [[name, json.dumps(value)] for name, value in found.items()]
    _measure.show(options, "exactness", found, _measure.table(["measure", "found"], rows))


def measure(folder: Path, size: Size) -> dict[str, object]:
    """Train in workspaces under `folder`, two at a time, and compare their results."""
    training = [*TRAINING, f"train.epochs={size.epochs}"]
    with ThreadPoolExecutor(2) as pool:
        full, mlp = pool.map(prepare, (folder / "full", folder / "mlp"), (training, MLP))
        golden, again = pool.map(lambda name: train(copy(full, name)), ("golden", "again"))
        stream = pool.submit(train, copy(full, "stream", "train.data_placement=disk"))
        two = pool.submit(train, copy(full, "two", "train.replicas=2"))
        counts = [copy(mlp, f"replicas-{count}", f"train.replicas={count}") for count in (1, 2)]
        counted = pool.map(train, counts)
        workers = train_on_workers(copy(full, "chief", "train.replicas=2"))
        generator = random.Random(0)  # noqa: S311  # draws times to kill at, no secrets
        moments = [generator.random() for _ in range(size.kills)]
        epochs = epochs_of(full.with_name("full-golden"))
        killed = pool.map(lambda run: kill_and_resume(full, *run, epochs), enumerate(moments))
        equal = [each == golden for each in killed]
        list(counted)  # exits if one of them failed
    return {
        "repeat": golden == again,
        "replicas_equal_workers": two.result() == workers,
        "one_vs_two_max_diff": difference(*counts),
        "stream_equal": stream.result() == golden,
        "kills": {"runs": len(equal), "equal": sum(equal)},
    }


def prepare(root: Path, overrides: list[str]) -> Path:
    """Return a clone with these parameters, after its first three stages."""
    write_overridden(_measure.clone(root) / layout.PARAMS, overrides)
    for stage in ("download", "normalize", "build"):
        wait_for(start(root, "tasks", stage))
    return root


def copy(root: Path, name: str, *overrides: str) -> Path:
    """Return a copy of a workspace, with further overrides."""
    target = Path(shutil.copytree(root, root.with_name(f"{root.name}-{name}")))
    write_overridden(target / layout.PARAMS, list(overrides))
    return target


def start(root: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
    """Start `python -m` with these arguments in a new process group."""
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=root, env={**os.environ, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def wait_for(*processes: subprocess.Popen[str]) -> None:
    """Wait for processes; exit with their output if one failed."""
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit("\n".join(outputs))


def train(root: Path) -> Digests:
    """Run the train stage, and return the digests of its results."""
    wait_for(start(root, "tasks", "train"))
    return digests(root)


def digests(root: Path) -> Digests:
    """Return the digests of best weights, last weights and history.csv."""
    best, last, history = (root / name for name in RESULTS)
    text = hashlib.sha256(history.read_bytes()).hexdigest()
    return weights_digest(best), weights_digest(last), text


def train_on_workers(chief: Path) -> Digests:
    """Run the train stage on two workers, the second in a copy of the workspace."""
    addresses = [f"127.0.0.1:{_measure.free_port()}" for _ in range(2)]
    other = copy(chief, "worker")
    configs = [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(2)
    ]
    worker = start(other, "lockstep", "worker", TF_CONFIG=configs[1])
    wait_for(start(chief, "tasks", "train", TF_CONFIG=configs[0]), worker)
    return digests(chief)


def kill_and_resume(full: Path, number: int, moment: float, epochs: int) -> Digests:
    """Kill a training between its first epoch's end (moment 0) and its last's (1); resume it."""
    root = copy(full, f"kill-{number}")
    whole, part = divmod(1 + moment * (epochs - 1), 1)
    killed = start(root, "tasks", "train")
    while killed.poll() is None and epochs_of(root) < whole:
        time.sleep(0.002)
    time.sleep(part * EPOCH_SECONDS)
    if killed.poll() is not None:
        sys.exit(f"the training of run {number} ended before it was killed: {killed.communicate()}")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    for name in RESULTS:
        (root / name).unlink(missing_ok=True)
    return train(root)


def epochs_of(root: Path) -> int:
    """Return the number of epochs in history.csv."""
    history = root / layout.HISTORY
    return max(0, len(history.read_text().splitlines()) - 1) if history.exists() else 0


def difference(one: Path, other: Path) -> float:
    """Return the largest absolute difference between two workspaces' last weights."""
    found = 0.0
    last = layout.LAST_WEIGHTS
    with h5py.File(one / last) as mine, h5py.File(other / last) as theirs:

        def compare(name: str, item: h5py.Group | h5py.Dataset) -> None:
            nonlocal found
            if isinstance(item, h5py.Dataset):
                found = max(found, float(np.abs(item[()] - theirs[name][()]).max(initial=0)))

        mine.visititems(compare)
    return found


if __name__ == "__main__":
    main()
