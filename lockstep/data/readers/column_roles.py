"""The columns of a table that are no inputs: targets, weights, and what splits are drawn by."""

from collections.abc import Sequence
from typing import NamedTuple

from lockstep.config.schema import Data
from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice


class Roles(NamedTuple):
    """The names of the targets, and of all columns that aren't inputs."""

    targets: list[str]
    others: list[str]


def roles_of(names: Sequence[str], data: Data) -> Roles:
    """Return the roles of a table's columns; the target is by default the last that has a name.

    Columns of groups and times are inputs only if data.columns gives their kinds, targets only as
    the past of a later target. Raises ParamsError for a column that isn't there or has two roles.
    """
    for key, each in (("target", data.target), *_named(data).items()):
        for name in _listed(each):
            if name not in names:
                raise ParamsError(f"data.{key}: got {name!r}, expected {choice(name, names)}")
    targets = _listed(data.target) or _last(names)
    given = [*targets, *_named(data).values()]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice:
        raise ParamsError(f"data.target: got {twice!r} for two roles, expected another column each")
    free = {data.group, data.time} & set(data.columns)
    if data.window and data.horizon:
        free |= set(targets)  # their past is known
    return Roles(targets, [name for name in given if name not in free])


def _named(data: Data) -> dict[str, str]:
    keys = ("sample_weight", "group", "time")
    return {key: getattr(data, key) for key in keys if getattr(data, key)}


def _listed(names: str | list[str] | None) -> list[str]:
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _last(names: Sequence[str]) -> list[str]:
    named = [name for name in names if name]
    if not named:
        raise DataError("no column has a name, expected names in a header")
    return named[-1:]
