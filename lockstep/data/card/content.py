"""The content of a data card, report/data.json, from data/ready and what normalize found."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lockstep.data.card.columns import describe_columns
from lockstep.data.card.findings import Findings
from lockstep.data.card.targets import count_values
from lockstep.data.card.texts import describe_texts
from lockstep.data.card.values import histogram, number, sampled
from lockstep.data.spec import Examples, Input, Spec, Y, as_dict

PICTURES = 256  # of which pixels are counted
RANK_OF_TABLE = 2


def describe(spec: Spec, splits: Mapping[str, Examples], findings: Findings) -> dict[str, Any]:
    """Return a card of JSON values: what DVC shows as metrics first, then lists.

    Statistics are of the training split; histograms and most frequent values are counted on evenly
    spaced examples. The arrays may be memory maps: no large one is read at once.
    """
    x = {name: _of_splits(spec, splits, name) for name in spec.inputs}
    y = {name: _of_splits(spec, splits, name) for name in spec.targets}
    columns, inputs = _inputs(spec, x, findings)
    return {
        "data": spec.data,
        "examples": dict(spec.splits),
        "test_examples_in_train": findings.duplicates,
        "notes": list(findings.notes),
        "inputs": inputs,
        "columns": columns,
        "targets": [
            {
                "name": name,
                "kind": target.kind,
                "why": findings.target_why,
                "dense": target.is_dense,
                target.values: target.outputs
                if target.values == "numbers"
                else len(target.classes),
            }
            for name, target in spec.targets.items()
        ],
        "target_values": [
            row for name, each in spec.targets.items() for row in count_values(name, each, y[name])
        ],
    }


def _of_splits(spec: Spec, splits: Mapping[str, Examples], name: str) -> dict[str, np.ndarray]:
    """Each split's array of an input or target."""
    first = next(iter(spec.inputs))
    return {
        split: (as_dict(each.x, first) | as_dict(each.y, Y))[name] for split, each in splits.items()
    }


def _inputs(
    spec: Spec, x: Mapping[str, Mapping[str, np.ndarray]], findings: Findings
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Columns of all tables in their file's order, and the inputs."""
    columns = {name: {"kind": kind, "why": why} for name, (kind, why) in findings.columns.items()}
    inputs = []
    for name, found in spec.inputs.items():
        described: dict[str, Any] = {"name": name, "kind": found.kind, "shape": found.shape}
        described["dtype"] = found.dtype
        if found.kind == "table" or found.columns:
            columns |= describe_columns(name, found, _rows(x[name]["train"]), findings.columns)
        elif found.kind == "text":
            described |= describe_texts(found, x[name])
        else:
            described |= _describe_numbers(found, x[name]["train"])
        inputs.append(described)
    return [{"name": name, **each} for name, each in columns.items()], inputs


def _rows(x: np.ndarray) -> np.ndarray:
    """Rows, (n, columns), or the last ones of windows, (n, rows, columns)."""
    return x if x.ndim == RANK_OF_TABLE else x[:, -1]


def _describe_numbers(found: Input, x: np.ndarray) -> dict[str, Any]:
    """Range, mean and deviation of pictures or series; of several channels all together."""
    low, high = (
        float(pick(found.statistics[key]))
        for pick, key in ((np.min, "minimum"), (np.max, "maximum"))
    )
    mean, deviation = (
        number(round(float(np.mean(found.statistics[key])), 4)) for key in ("mean", "deviation")
    )
    return {
        "minimum": number(low),
        "maximum": number(high),
        "mean": mean,
        "deviation": deviation,
        "histogram": histogram(sampled(x, PICTURES), low, high),
    }
