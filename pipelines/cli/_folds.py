"""The override data.fold=all: one experiment for each fold, by one command."""

from collections.abc import Iterable

from lockstep.config.schema import Params
from lockstep.errors import ParamsError

ALL = "data.fold=all"


def with_fold(assignments: Iterable[str], fold: int) -> list[str]:
    """Return overrides with the number of a fold in place of `all`."""
    return [f"data.fold={fold}" if each == ALL else each for each in assignments]


def count_of(values: Params) -> int:
    """Return the number of folds; raises ParamsError if there are none."""
    if values.data.folds is None:
        raise ParamsError("data.fold: got all and data.folds null, expected data.folds=K with it")
    return values.data.folds
