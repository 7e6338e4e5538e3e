"""What `normalize` takes for large tables, pictures and arrays, in time and in memory.

    python -m benchmarks.ingest --json [--repeats 3] [--smallest]

About 15 minutes on two cores, and 30 GB of temporary disk space. A CSV is compared with
`pyarrow.csv.read_csv` and writing its columns as arrays; pictures with Pillow on all cores; and the
memory that each stage takes for 4 GB of arrays with what it takes for 400 MB: anonymous memory,
since mapped files don't count. Writes its table into docs/performance.md.
"""

import multiprocessing
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
from PIL import Image

from benchmarks import _measure
from lockstep.config.overrides import write_overridden

IMPORTS = "import benchmarks.ingest, pyarrow.csv, tasks.normalize, tasks.datasets.csv"
STAGES = ("download", "normalize", "build", "train", "evaluate")
EDGE = 128


class Size(NamedTuple):
    """Rows of the CSV, number of pictures, and examples in the small and the large arrays."""

    rows: int
    pictures: int
    small: int
    large: int
    repeats: int


FULL, SMALLEST = Size(1_000_000, 60_000, 100_000, 1_000_000, 3), Size(2_000, 60, 400, 800, 1)
COLUMNS = 1_000  # of arrays: 100,000 float32 rows are 400 MB


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    parser = _measure.parser(__doc__)
    parser.add_argument("--repeats", type=int, help="how often tables and pictures are timed")
    options = parser.parse_args()
    size = SMALLEST if options.smallest else FULL
    with tempfile.TemporaryDirectory() as folder:
        root = _measure.clone(Path(folder) / "lockstep")
        found = measure(Path(folder), root, size._replace(repeats=options.repeats or size.repeats))
    rows = [[name.replace("_", " "), value] for name, value in found.items()]
    _measure.show(options, "ingest", found, _measure.table(["measure", "figure"], rows))


def measure(folder: Path, root: Path, size: Size) -> dict[str, float]:
    """Return ratios, and the seconds and MB that they are made of."""
    found = tables(folder, root, size) | pictures(folder, root, size)
    small, large = (peaks(folder, root, count) for count in (size.small, size.large))
    for stage in STAGES:
        found[f"memory_{stage}"] = round(large[stage] / small[stage], 3)
        found[f"memory_{stage}_mb"] = round(large[stage] / 1e6)
    return found


def tables(folder: Path, root: Path, size: Size) -> dict[str, float]:
    """Time normalize of a CSV against pyarrow's reader and writing arrays, each a new process."""
    path = folder / "table.csv"
    write_csv(path, size.rows)
    prepare(root, [f"data.path={path}", "data.name=csv", "data.target=y"])
    taken = _measure.in_turn(
        size.repeats,
        {
            "normalize": lambda: stage(root, "normalize"),
            "import": lambda: script(IMPORTS),
            "arrow": lambda: script(f"{IMPORTS}; benchmarks.ingest.arrow({str(path)!r})"),
        },
    )
    # What is imported is the same, and no part of reading data.
    normalized, arrow = (
        taken[name].median - taken["import"].median for name in ("normalize", "arrow")
    )
    return {
        "csv_vs_pyarrow": round(normalized / arrow, 2),
        "csv_normalize_seconds": round(normalized, 2),
        "csv_pyarrow_seconds": round(arrow, 2),
    }


def write_csv(path: Path, rows: int) -> None:
    """Write 20 columns: numbers, whole numbers, categories, dates, booleans, and a target."""
    random = np.random.default_rng(0)
    days = np.datetime64("2020-01-01") + random.integers(0, 1000, (2, rows))
    columns = {f"number{n}": random.normal(size=rows).round(4) for n in range(8)}
    columns |= {f"whole{n}": random.integers(0, 10**6, rows) for n in range(5)}
    columns |= {f"colour{n}": random.choice(["red", "green", "blue"], rows) for n in range(3)}
    columns |= {f"day{n}": days[n].astype(str) for n in range(2)}
    columns["member"] = random.choice(["true", "false"], rows)
    columns["y"] = random.normal(size=rows).round(4)
    pyarrow.csv.write_csv(pa.table(columns), path)


def arrow(path: str) -> None:
    """Do what a script without Lockstep does: read the CSV, and write an array of float32."""
    table = pyarrow.csv.read_csv(path)
    numbers = [
        column.dictionary_encode().combine_chunks().indices
        if pa.types.is_string(column.type)
        else column
        for column in table.columns
    ]
    matrix = np.empty((len(table), len(numbers)), np.float32)
    for number, column in enumerate(numbers):
        matrix[:, number] = column.to_numpy(zero_copy_only=False).astype(np.float32)
    np.save(Path(path).with_suffix(".npy"), matrix)


def script(command: str) -> None:
    """Run Python statements in a process of their own."""
    subprocess.run([sys.executable, "-c", command], cwd=_measure.REPOSITORY, check=True)


def pictures(folder: Path, root: Path, size: Size) -> dict[str, float]:
    """Time normalize of JPEGs against decoding them by Pillow on all cores."""
    photos = folder / "photos"
    write_pictures(photos, size.pictures)
    prepare(root, [f"data.path={photos}", "data.name=folder", "data.target=null"])
    taken = _measure.in_turn(
        1, {"normalize": lambda: stage(root, "normalize"), "pillow": lambda: decode(photos)}
    )
    seconds = {name: each.median for name, each in taken.items()}
    return {
        "pictures_vs_pillow": round(seconds["normalize"] / seconds["pillow"], 2),
        "pictures_normalize_seconds": round(seconds["normalize"], 1),
        "pictures_pillow_seconds": round(seconds["pillow"], 1),
    }


def write_pictures(folder: Path, count: int) -> None:
    """Write JPEGs of two classes: smooth noise, as photographs are."""
    random = np.random.default_rng(0)
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
    for number in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8))
        name = folder / "ab"[number % 2] / f"{number}.jpg"
        coarse.resize((EDGE, EDGE), Image.Resampling.BICUBIC).save(name, quality=90)


def decode(folder: Path) -> None:
    """Decode all pictures into an array."""
    paths = sorted(folder.glob("*/*.jpg"))
    found = np.empty((len(paths), EDGE, EDGE, 3), np.uint8)
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for number, each in enumerate(pool.map(pixels, paths, chunksize=64)):
            found[number] = each
    np.save(folder.with_suffix(".npy"), found)


def pixels(path: Path) -> np.ndarray:
    """Decode one picture."""
    with Image.open(path) as opened:
        return np.asarray(opened)


def peaks(folder: Path, root: Path, count: int) -> dict[str, int]:
    """Return the peak of each stage's anonymous memory for so many rows of arrays, in bytes."""
    path = folder / f"arrays{count}.npz"
    write_arrays(path, count)
    change(
        root,
        [
            f"data.path={path}",
            "data.name=npz",
            "model.name=mlp",
            "train.epochs=1",
            "model.mlp.units=[8]",
            "train.batch_size=100",
            "train.data_placement=disk",
        ],
    )
    found = {each: peak(root, each) for each in STAGES}
    path.unlink()
    return found


def write_arrays(path: Path, count: int) -> None:
    """Write an .npz of float32 fractions, block by block."""
    random = np.random.default_rng(0)
    whole = np.lib.format.open_memmap(path.with_suffix(".npy"), "w+", np.float32, (count, COLUMNS))
    for at in range(0, count, 1000):
        whole[at : at + 1000] = random.random(whole[at : at + 1000].shape, np.float32)
    np.savez(path, x=whole, y=np.arange(count) % 2)
    path.with_suffix(".npy").unlink()


def change(root: Path, assignments: list[str]) -> None:
    """Set parameters."""
    write_overridden(root / "params.yaml", assignments)


def prepare(root: Path, assignments: list[str]) -> None:
    """Set parameters, and run the stage download."""
    change(root, assignments)
    stage(root, "download")


def stage(root: Path, name: str) -> None:
    """Run a stage in a process of its own."""
    command = [sys.executable, "-m", "tasks", name]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


def peak(root: Path, name: str) -> int:
    """Run a stage, and return the peak of its anonymous memory, looked at 50 times a second."""
    command = [sys.executable, "-m", "tasks", name]
    highest = 0
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            highest = max(highest, anonymous(process.pid))
            time.sleep(0.02)
    if process.returncode:
        sys.exit(f"the stage {name} ended with {process.returncode}")
    return highest


def anonymous(pid: int) -> int:
    """Return the bytes of a process's anonymous memory now."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("RssAnon")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


if __name__ == "__main__":
    main()
