"""What an experiment came to, in a page of markdown."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tasks import _files
from tasks._dvc import experiments
from tasks._tracking import address

EPOCHS = 5  # the last ones


def markdown(root: Path) -> str:
    """Return the verdict, test metrics, and the last epochs, of the files that report/ has."""
    report = root / "report"
    parts = ["# What came of it"]
    if (report / "registered.json").exists():
        parts.append(_verdict(_files.read_json(report / "registered.json")))
    if (report / "metrics.json").exists():
        metrics = _files.read_json(report / "metrics.json")["test"]
        parts.append(_table(("test metric", "value"), metrics.items()))
    if (report / "history.csv").exists():
        parts.append(_epochs(report / "history.csv"))
    parts.append(f"MLflow run: {address.of_experiment(root)}")
    if experiments.NAME in os.environ:
        parts.append(f"DVC experiment: `{os.environ[experiments.NAME]}`")
    return "\n\n".join(parts) + "\n"


def _verdict(found: dict[str, Any]) -> str:
    return (
        f"`{found['name']}`: {found['verdict']} with {found['metric']} {found['value']}, "
        f"at least {found['minimum']} wanted"
    )


def _epochs(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    shown = [[_short(cell) for cell in row] for row in rows[-EPOCHS:]]
    return f"The last of {len(rows)} epochs:\n\n{_table(header, shown)}"


def _short(cell: str) -> str:
    return cell if cell.isdigit() else f"{float(cell):.4g}"


def _table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    names = list(header)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
