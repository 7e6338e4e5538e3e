"""The columns of a table that are no inputs: targets, weights, and what splits are drawn by."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lockstep.config.schema import Data
from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice
from lockstep.process import console

UNNAMED = re.compile(r"Unnamed: \d+")  # as pandas calls a column without a name


class Roles(NamedTuple):
    """The names of the targets, and of all columns that aren't inputs."""

    targets: list[str]
    others: list[str]


def roles_of(names: Sequence[str], data: Data) -> Roles:
    """Return the roles of a table's columns.

    The target is by default the last column that has a name and no other role. Columns of groups
    and times are inputs only if data.columns gives their kinds, targets only as the past of a later
    target. Raises ParamsError for a column that isn't there or has two roles.
    """
    for key, each in (("target", data.target), *named_roles(data).items()):
        for name in _listed(each):
            if name not in names:
                raise ParamsError(f"data.{key}: got {name!r}, expected {choice(name, names)}")
    targets = _listed(data.target) or _last(names, named_roles(data))
    given = [*targets, *named_roles(data).values()]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice:
        raise ParamsError(f"data.target: got {twice!r} for two roles, expected another column each")
    free = {data.group, data.time} & set(data.columns)
    if data.window and data.horizon:
        free |= set(targets)  # their past is known
    return Roles(targets, [name for name in given if name not in free])


def text_columns(names: Sequence[str], data: Data) -> set[str]:
    """Return the columns whose cells are needed as they are written, also numbers."""
    declared = {name for name, kind in data.columns.items() if kind != "number"}
    unnamed = {name for name in names if not name or UNNAMED.fullmatch(name)}
    return {*roles_of(names, data).targets, *named_roles(data).values()} | declared | unnamed


def named_roles(data: Data) -> dict[str, str]:
    """Return the columns of weights, groups and times by their keys."""
    keys = ("sample_weight", "group", "time")
    return {key: getattr(data, key) for key in keys if getattr(data, key)}


def _listed(names: str | list[str] | None) -> list[str]:
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _last(names: Sequence[str], named: Mapping[str, str]) -> list[str]:
    free = [name for name in names if name and name not in named.values()]
    if not free:
        beside = f" beside {', '.join(f'data.{key}' for key in named)}" if named else ""
        raise DataError(f"no column has a name{beside}, expected a target's name in a header")
    return free[-1:]


def say_default_target(names: Sequence[str], data: Data) -> None:
    """Say which column is the target if data.target doesn't."""
    if data.target is None:
        (target,) = roles_of(names, data).targets
        after = names[names.index(target) + 1 :]
        keys = [f"data.{key}" for key, name in named_roles(data).items() if name in after]
        why = f"the last that isn't {' or '.join(keys)}" if keys else "the last one"
        console.say(f"the target is column {target!r}, {why}; data.target names another")
