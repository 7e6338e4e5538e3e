"""Speed and memory of training that reads its examples from disk.

    python -m benchmarks.streaming --json [--data ../shared/data] [--repeats 5] [--smallest]

About 4 minutes on two cores, and 5 GB of temporary disk space. Speed: MNIST and the CNN with batch
size 128, read from disk or placed on the device. Memory: peak of a process that reads one epoch of
4 GB of images from disk, relative to 400 MB. Writes its table into docs/performance.md.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks import _measure
from lockstep.process.environment import prepare_environment

prepare_environment(_measure.REPOSITORY)

import keras
import numpy as np

from benchmarks import images, loops
from lockstep.data.spec import Examples
from lockstep.runtime.strategy import start_runtime
from lockstep.training.loop import Loop
from lockstep.training.sources import DeviceSource, DiskSource
from lockstep.training.steps import Steps
from models import linear

IMAGE, BLOCK, CLASSES = (64, 64, 3), 1000, 10
GOALS = {"streaming": "at least 0.9", "memory": "at most 1.1"}


class Size(NamedTuple):
    """How much is measured; `random_images`, if not 0, replace MNIST's."""

    examples: int  # for the speed
    small: int  # bytes
    large: int  # bytes
    random_images: int
    repeats: int


FULL = Size(12_800, 400_000_000, 4_000_000_000, random_images=0, repeats=5)
SMALLEST = Size(256, 4_000_000, 40_000_000, random_images=256, repeats=1)


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    if sys.argv[1:2] == ["stream"]:
        print(stream(Path(sys.argv[2])))
        return
    options = _measure.options(__doc__)
    size = SMALLEST if options.smallest else FULL
    size = size._replace(repeats=options.repeats or size.repeats)
    found = {
        "streaming": round(speed(options.data, size), 3),
        "memory": round(peak(size.large) / peak(size.small), 3),
    }
    rows = [[name, value, GOALS[name]] for name, value in found.items()]
    _measure.show(options, "streaming", found, _measure.table(["ratio", "figure", "goal"], rows))


def speed(data: Path, size: Size) -> float:
    """Return the speed of training from disk relative to training from device memory."""
    with tempfile.TemporaryDirectory() as folder:
        some = images.splits(data, size.random_images)[0].at(np.arange(size.examples))
        np.save(Path(folder) / "x.npy", some.x)
        train = Examples(np.load(Path(folder) / "x.npy", mmap_mode="r"), some.y)
        peers = {
            source.__name__: loops.ours("cnn", train, 128, 2, source=source)
            for source in (DiskSource, DeviceSource)
        }
        taken = _measure.in_turn(size.repeats, peers)
    return taken["DeviceSource"].minimum / taken["DiskSource"].minimum


def peak(size: int) -> int:
    """Return the peak memory in KiB of a process that streams an array of `size` bytes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), size)
        ended = subprocess.run(
            [sys.executable, "-m", "benchmarks.streaming", "stream", folder],
            cwd=_measure.REPOSITORY, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    return int(ended.stdout.split()[-1])


def write(folder: Path, size: int) -> None:
    """Write images of random pixels, `size` bytes of them, and their labels."""
    count = size // int(np.prod(IMAGE))
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, (count, *IMAGE))
    random = np.random.default_rng(0)
    block = random.integers(0, 256, (BLOCK, *IMAGE), np.uint8)
    for start in range(0, count, BLOCK):
        x[start : start + BLOCK] = block[: count - start]
    x.flush()
    np.save(folder / "y.npy", random.integers(0, CLASSES, count).astype(np.uint8))


def stream(folder: Path) -> int:
    """Train one epoch on a folder's arrays, streamed; return this process's peak memory in KiB."""
    examples = Examples(*(np.load(folder / f"{part}.npy", mmap_mode="r") for part in "xy"))
    strategy = start_runtime(0)
    with strategy.scope():
        model = linear.build(IMAGE, CLASSES, "softmax")
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
        layers = [keras.Input(IMAGE, dtype="uint8"), keras.layers.Rescaling(1 / 255)]
        steps = Steps(model, strategy, keras.Sequential(layers))
    Loop(steps, 128, 0, source=DiskSource).fit(examples, None, [], epochs=1)
    # getrusage's maximum isn't used: it starts at the size of the parent process.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak)


if __name__ == "__main__":
    main()
