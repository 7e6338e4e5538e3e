"""Own tables by parameters alone: the score of models/any.py beside scikit-learn's on one split.

    python -m benchmarks.own_tables --data FOLDER --json [--smallest]

FOLDER has titanic.csv, penguins.csv and so on, as seaborn's data set repository has them, and
spam.csv with the columns Label and SMS; of a file that isn't there a look-alike is generated. Where
a stage ends with exit code 3, what its line says is set, once for each line. Each model is then
registered, and predicts the file as pandas reads it. Writes its table into docs/own-data.md. About
10 minutes on two cores.
"""

import io
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks import _lookalikes, _measure, _sklearn_tables
from lockstep.config.overrides import write_overridden
from lockstep.config.reading import load_params
from lockstep.data.columns.tables import examples_of
from lockstep.data.spec import Target, load_examples, read_spec
from lockstep.data.splits import draw_splits
from lockstep.data.targets import resolve_targets
from lockstep.errors import DataError
from lockstep.storage import layout
from tasks import datasets

PAGE = _measure.REPOSITORY / "docs" / "own-data.md"
OURS, NAN = "lockstep", float("nan")
PEERS = ("boosting", "linear")
HALF = 0.5
DRAWS = 1000  # of test rows, for the standard error


class Table(NamedTuple):
    """A file's target, and the assignments that follow from the lines of stages, in order."""

    target: str
    answers: Sequence[Sequence[str]] = ()
    chosen: Sequence[str] = ()  # by a person who knows the data


MISSING = ["normalize.missing=median", "normalize.missing_indicator=true"]
TABLES = {
    "titanic": Table(
        "survived",
        [["data.columns={alive: drop, pclass: category, sibsp: number, parch: number}", *MISSING]],
        ["data.columns={alive: drop}"],
    ),
    "penguins": Table("species", [MISSING]),
    "mpg": Table("mpg", [["data.columns={cylinders: number, name: text}", *MISSING]]),
    "tips": Table("tip", [["data.columns={size: number}"]]),
    "diamonds": Table("price"),
    "taxis": Table(
        "fare",
        [["data.columns={total: drop, passengers: number}"]],
        ["data.columns={total: drop}"],
    ),
    "planets": Table("method", [["data.columns={number: number}", *MISSING]]),
    "flights": Table("passengers"),
    "spam": Table("Label", [["data.columns={SMS: text}"]]),
}
SMALLEST = ("titanic",)


class Size(NamedTuple):
    """Tables, epochs, and rows of a look-alike."""

    tables: Sequence[str]
    epochs: int
    rows: int


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    parser = _measure.parser(__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/none"), help="a folder of files")
    parser.add_argument("--tables", nargs="*", choices=TABLES, help="default: all")
    options = parser.parse_args()
    names = options.tables or (SMALLEST if options.smallest else tuple(TABLES))
    size = Size(names, 2, 150) if options.smallest else Size(names, 50, 1000)
    with tempfile.TemporaryDirectory() as folder:
        root = _measure.clone(Path(folder) / "lockstep")
        found = {name: measure(name, options.data.resolve(), root, size) for name in size.tables}
    publish = not options.tables and all(each["real"] for each in found.values())
    _measure.show(options, "own-tables", found, as_table(found), publish=publish, page=PAGE)


def measure(name: str, data: Path, root: Path, size: Size) -> dict[str, Any]:
    """Run all stages on one file, and compare with scikit-learn."""
    real = data / f"{name}.csv"
    path = real if real.exists() else _lookalikes.write(name, root.parent, size.rows)
    lines = prepare(root, path, TABLES[name], size.epochs)
    for stage in ("build", "train", "evaluate", "register"):
        run(root, stage)
    (target,) = read_spec(root).targets.values()
    kinds, train, test = rows(root)
    frame = pd.read_csv(path)
    y = frame[TABLES[name].target].to_numpy(str if target.classes else np.float64)
    peers = _sklearn_tables.predictions(frame, kinds, y, train, test)
    found, truth = {OURS: predicted_by(root, target), **peers}, y[test]
    scores = {each: score(truth, values) for each, values in found.items()}
    best = max(peers, key=lambda each: scores[each])
    return {
        "real": path == real,
        "rows": len(frame),
        "lines": lines,
        "scores": {each: round(value, 4) for each, value in scores.items()},
        "error": round(standard_error(truth, found[OURS]), 4),
        "difference": round(scores[OURS] - scores[best], 4),
        "difference_error": round(standard_error(truth, found[OURS], found[best]), 4),
        "served_difference": served_difference(root, path, frame, target),
    }


def prepare(root: Path, path: Path, table: Table, epochs: int) -> list[str]:
    """Download and normalize a file; return the lines that said what to set."""
    subprocess.run(["git", "checkout", "-q", "params.yaml"], cwd=root, check=True)
    given = [
        "data.name=csv", f"data.path={path}", f"data.target={table.target}", "model.name=any",
        f"train.epochs={epochs}", "register.threshold=null",
    ]  # fmt: skip
    write_overridden(root / "params.yaml", [*given, *table.chosen])
    run(root, "download")
    lines: list[str] = []
    for answer in table.answers:
        ended = run(root, "normalize", allowed=(0, DataError.exit_code))
        if not ended.returncode:
            return lines
        lines.append(ended.stderr.strip().splitlines()[-1].replace(f"{path}: ", ""))
        write_overridden(root / "params.yaml", list(answer))
    run(root, "normalize")
    return lines


def run(root: Path, stage: str, allowed: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
    """Run a stage in a process of its own; exit if it ends with another code."""
    command = [sys.executable, "-m", "tasks", stage]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if ended.returncode not in allowed:
        sys.exit(f"{stage}: {ended.returncode}\n{ended.stderr}")
    return ended


def rows(root: Path) -> tuple[dict[str, str], np.ndarray, np.ndarray]:
    """Return the kinds of the input columns, and the file's rows in the training and test splits.

    Validation rows count as training rows: scikit-learn's models choose no epoch by them.
    """
    params = load_params(root)
    dataset = datasets.find(params.data.name)
    raw = examples_of(dataset.read(root / layout.RAW, params, root), params.data)
    targets, splits = resolve_targets(dataset, params.data, raw.splits)
    numbered = {name: each._replace(x=np.arange(each.size)) for name, each in splits.items()}
    drawn = draw_splits(numbered, targets, params.data, params.seed, own=True, keys=raw.keys).splits
    for split, each in drawn.items():
        np.testing.assert_allclose(each.y, load_examples(root, split).y, rtol=1e-6)
    kinds = {}
    for name, each in read_spec(root).inputs.items():
        kinds |= {column: found.kind for column, found in each.columns.items()}
        kinds |= {name: "text"} if each.kind == "text" else {}
    train = np.concatenate([drawn["train"].x, drawn["validation"].x])
    return kinds, train, np.asarray(drawn["test"].x)


def predicted_by(root: Path, target: Target) -> np.ndarray:
    """Return what the trained model predicts for the test split: classes' names, or numbers."""
    outputs = np.load(root / "report" / "outputs.npy")
    if not target.classes:
        return np.asarray(outputs[:, 0], np.float64)
    numbers = outputs[:, 0] > HALF if outputs.shape[1] == 1 else outputs.argmax(axis=1)
    return np.array(target.classes)[numbers.astype(int)]


def score(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the accuracy, or R² of numbers."""
    if truth.dtype.kind == "U":
        return float(np.mean(truth == predicted))
    return float(1 - np.mean((truth - predicted) ** 2) / np.var(truth))


def standard_error(truth: np.ndarray, *predicted: np.ndarray) -> float:
    """Return the deviation of a score, or of the difference of two, over draws of the test rows."""
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        some = random.integers(0, len(truth), len(truth))
        scores = [score(truth[some], each[some]) for each in predicted]
        drawn.append(scores[0] - scores[-1] if len(scores) > 1 else scores[0])
    return float(np.std(drawn))


def served_difference(root: Path, path: Path, frame: pd.DataFrame, target: Target) -> float:
    """Return the largest difference between the champion's outputs and those of lockstep predict.

    The champion gets the file as pandas reads it.
    """
    import mlflow

    from lockstep.tracking.client import as_default, connect

    with as_default(connect(root)[0]):
        name = load_params(root).registered_name
        model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    served = np.asarray(model.predict(frame))
    command = [sys.executable, "-m", "lockstep", "predict", "best", str(path)]
    ended = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    table = pd.read_csv(io.StringIO(ended.stdout))
    names = target.classes[-served.shape[1] :] if target.classes else ["value"]
    return float(abs(table[names].to_numpy() - served).max())


def as_table(found: Mapping[str, Any]) -> str:
    """Return a Markdown table."""
    header = ["file", "rows", "lines", "lockstep", *PEERS, "standard error", "difference"]
    lines = []
    for name, each in found.items():
        scores = [f"{each['scores'].get(peer, NAN):.3f}" for peer in (OURS, *PEERS)]
        called = name if each["real"] else f"{name} (look-alike)"
        difference = f"{each['difference']:+.3f} ± {each['difference_error']:.3f}"
        lines.append(
            [called, each["rows"], len(each["lines"]), *scores, f"{each['error']:.3f}", difference]
        )
    return _measure.table(header, lines).replace("nan", "-")


if __name__ == "__main__":
    main()
