"""CSV files of the report."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lockstep.storage import atomic_files


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file; the same rows give the same bytes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    atomic_files.write_text(path, text.getvalue())


def read_history(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of history.csv by name."""
    with path.open(encoding="utf-8", newline="") as lines:
        names, *rows = csv.reader(lines)
    columns = np.array(rows, np.float64).T if rows else np.zeros((len(names), 0))
    return dict(zip(names, columns, strict=True))
