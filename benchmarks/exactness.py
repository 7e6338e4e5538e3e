"""Whether training gives the same bits: again, on workers, streamed, and after kill -9.

    python -m benchmarks.exactness --json [--runs 20]

About 12 minutes on two cores. Real `train` stages in processes of their own, on digits, with
dropout, batch normalization, Adam, augmentation, ReduceLROnPlateau and EarlyStopping; a killed run
is started again as DVC would, without the stage's outputs. Writes its table into
docs/performance.md.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np

import params
from benchmarks import _measure
from tasks import _weights

FULL = [
    "model.name=cnn",
    "model.cnn.dropout=0.3",
    "model.cnn.batch_normalization=true",
    "train.epochs=40",
    "train.augmentation=[{name: RandomTranslation, height_factor: 0.1, width_factor: 0.1}]",
    "train.callbacks=[{name: ReduceLROnPlateau, patience: 2, factor: 0.5}, "
    "{name: EarlyStopping, patience: 12, restore_best_weights: true}]",
    "train.bundle_seconds=0",
    "train.steps_per_call=10",
]
MLP = ["model.name=mlp", "train.epochs=2", "model.mlp.dropout=0.0", "train.jit_compile=false"]
MADE = ("weights/best.weights.h5", "weights/last.weights.h5", "report/history.csv")
EPOCH_SECONDS = 0.1  # about
Digests = tuple[str, ...]


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20, help="how many to kill")
    parser.add_argument("--json", action="store_true", help="print one object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.runs)
    rows = [[name, json.dumps(value)] for name, value in found.items()]
    written = _measure.table(["measure", "found"], rows)
    _measure.write_table("exactness", written)
    print(json.dumps(found) if options.json else written)


def measure(folder: Path, runs: int) -> dict[str, object]:
    """Train in workspaces under `folder`, two at a time, and compare what they end in."""
    full, mlp = prepared(folder / "full", FULL), prepared(folder / "mlp", MLP)
    with ThreadPoolExecutor(2) as pool:
        golden, again = pool.map(lambda name: trained(copy(full, name)), ("golden", "again"))
        stream = pool.submit(trained, copy(full, "stream", "train.residency=stream"))
        two = pool.submit(trained, copy(full, "two", "train.replicas=2"))
        workers = trained_by_workers(copy(full, "chief", "train.replicas=2"))
        ones = [copy(mlp, f"mlp-{count}", f"train.replicas={count}") for count in (1, 2)]
        list(pool.map(trained, ones))
        shots = random.Random(0)  # noqa: S311  # moments, not secrets
        moments = [shots.random() for _ in range(runs)]
        epochs = epochs_of(full.with_name("full-golden"))
        killed = pool.map(lambda run: killed_and_resumed(full, *run, epochs), enumerate(moments))
        equal = [each == golden for each in killed]
    return {
        "repeat": golden == again,
        "replicas_equal_workers": two.result() == workers,
        "one_vs_two_max_diff": difference(*ones),
        "stream_equal": stream.result() == golden,
        "kills": {"runs": len(equal), "equal": sum(equal)},
    }


def prepared(root: Path, overrides: list[str]) -> Path:
    """A workspace with these parameters, whose first three stages have run."""
    subprocess.run(["git", "clone", "-q", str(_measure.REPOSITORY), str(root)], check=True)
    params.write_overridden(root / "params.yaml", overrides)
    for stage in ("download", "normalize", "build"):
        ended(start(root, "tasks", stage))
    return root


def copy(root: Path, name: str, *overrides: str) -> Path:
    """A copy of a workspace, with more parameters."""
    there = Path(shutil.copytree(root, root.with_name(f"{root.name}-{name}")))
    params.write_overridden(there / "params.yaml", list(overrides))
    return there


def start(root: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
    """Start a module with arguments as a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=root, env={**os.environ, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> None:
    """Wait for a process; it must end well."""
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(output)


def trained(root: Path) -> Digests:
    """Run the train stage, and return what it ends in."""
    ended(start(root, "tasks", "train"))
    return digests(root)


def digests(root: Path) -> Digests:
    """The digest of both weights, and of the history's bytes."""
    best, last, history = (root / name for name in MADE)
    text = hashlib.sha256(history.read_bytes()).hexdigest()
    return _weights.digest(best), _weights.digest(last), text


def trained_by_workers(chief: Path) -> Digests:
    """Run the train stage with another worker in a copy of the workspace."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    other = copy(chief, "worker")
    configs = [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(2)
    ]
    worker = start(other, "pipelines", "worker", TF_CONFIG=configs[1])
    ended(start(chief, "tasks", "train", TF_CONFIG=configs[0]))
    ended(worker)
    return digests(chief)


def free_port() -> int:
    """A port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def killed_and_resumed(full: Path, number: int, moment: float, epochs: int) -> Digests:
    """Kill a training at a moment from its first epoch's end, 0, to its last one's, 1; go on."""
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
    for name in MADE:
        (root / name).unlink(missing_ok=True)
    return trained(root)


def epochs_of(root: Path) -> int:
    """How many epochs the history has."""
    history = root / MADE[2]
    return max(0, len(history.read_text().splitlines()) - 1) if history.exists() else 0


def difference(one: Path, other: Path) -> float:
    """The largest difference between two workspaces' last weights."""
    found = 0.0
    with h5py.File(one / MADE[1]) as mine, h5py.File(other / MADE[1]) as theirs:

        def compare(name: str, item: h5py.Group | h5py.Dataset) -> None:
            nonlocal found
            if isinstance(item, h5py.Dataset):
                found = max(found, float(np.abs(item[()] - theirs[name][()]).max(initial=0)))

        mine.visititems(compare)
    return found


if __name__ == "__main__":
    main()
