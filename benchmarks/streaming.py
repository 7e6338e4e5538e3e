"""What it costs to stream examples from the disk, in speed and in memory.

    python -m benchmarks.streaming --json [--data ../shared/data] [--repeats 5]

About 4 minutes on two cores, and 5 GB of disk for a while. Speed: MNIST and the CNN at batch 128,
streamed beside resident. Memory: the peak of a process that streams one epoch of 4 GB of images,
beside one with 400 MB. Writes its table into docs/performance.md.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import _measure
from tasks import _environment

_environment.prepare(_measure.REPOSITORY)

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks import loops, trainer  # noqa: E402
from models import linear  # noqa: E402
from tasks import _runtime  # noqa: E402
from tasks._loop import Loop  # noqa: E402
from tasks._sources import Resident, Stream  # noqa: E402
from tasks._spec import Examples  # noqa: E402
from tasks._steps import Steps  # noqa: E402

IMAGE, BLOCK, CLASSES = (64, 64, 3), 1000, 10
SIZES = {"small": 400_000_000, "large": 4_000_000_000}
GOALS = {"streaming": "at least 0.9", "memory": "at most 1.1"}


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    if sys.argv[1:2] == ["stream"]:
        print(stream(Path(sys.argv[2])))
        return
    options = _measure.options(__doc__, repeats=5)
    found = {
        "streaming": round(speed(options.data, options.repeats), 3),
        "memory": round(memory(), 3),
    }
    rows = [[name, value, GOALS[name]] for name, value in found.items()]
    written = _measure.table(["ratio", "figure", "goal"], rows)
    _measure.write_table("streaming", written)
    print(json.dumps(found) if options.json else written)


def speed(data: Path, repeats: int) -> float:
    """How fast streamed training is, over resident."""
    with tempfile.TemporaryDirectory() as folder:
        x, y = trainer.mnist(data)["train"]
        np.save(Path(folder) / "x.npy", x[:12_800])
        mapped = np.load(Path(folder) / "x.npy", mmap_mode="r")
        train = Examples(mapped, y[:12_800])
        peers = {
            source.__name__: loops.ours("cnn", train, 128, 2, source=source)
            for source in (Stream, Resident)
        }
        taken = _measure.in_turn(repeats, peers)
    return taken["Resident"].minimum / taken["Stream"].minimum


def memory() -> float:
    """The peak memory of a process that streams the large array, over the small one's."""
    peaks = {}
    for name, size in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), size)
            command = [sys.executable, "-m", "benchmarks.streaming", "stream", folder]
            ended = subprocess.run(command, capture_output=True, text=True, check=True)
            peaks[name] = int(ended.stdout.split()[-1])
    return peaks["large"] / peaks["small"]


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
    strategy = _runtime.start(0)
    with strategy.scope():
        model = linear.build(IMAGE, CLASSES, "softmax")
        model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
        layers = [keras.Input(IMAGE, dtype="uint8"), keras.layers.Rescaling(1 / 255)]
        steps = Steps(model, strategy, keras.Sequential(layers))
    Loop(steps, 128, 0, source=Stream).fit(examples, None, [], epochs=1)
    # Not getrusage's: that one begins with the size of the process that started this one.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak)


if __name__ == "__main__":
    main()
