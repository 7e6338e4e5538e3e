"""The share of each change in a metric's change, in the order of the changes and in reverse."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipelines.attribution.changes import Change


class Missing(NamedTuple):
    """An experiment between has no value."""

    problem: str
    is_invalid: bool  # its parameters don't go together


Value = float | Missing
ValueOf = Callable[[Sequence[Change]], Value]


class Gap(NamedTuple):
    """Changes whose shares can't be told apart, since no experiment between them has a value."""

    changes: list[str]
    share: float
    problem: str


class Order(NamedTuple):
    """The share of each change, None within a gap, and the gaps."""

    shares: dict[str, float | None]
    gaps: list[Gap]


class Shares(NamedTuple):
    """The shares by the names of the changes, when they are added in order and in reverse."""

    names: list[str]
    forward: Order
    backward: Order

    def interacts(self, name: str) -> bool:
        """Whether a change has another share in the other order."""
        one, other = self.forward.shares[name], self.backward.shares[name]
        return one is not None and other is not None and not math.isclose(one, other, abs_tol=1e-9)


def shares(changes: list[Change], first: float, last: float, value_of: ValueOf) -> Shares:
    """Return the shares, which sum to `last - first` in each order.

    `value_of` returns the metric with some of the changes. Parameters that are invalid without
    those of the next change become one change with it.
    """
    while (place := _invalid_without_next(changes, value_of)) is not None:
        joined = changes[place].joined(changes[place + 1])
        changes = [*changes[:place], joined, *changes[place + 2 :]]
    forward, backward = (_order(each, first, last, value_of) for each in (changes, changes[::-1]))
    return Shares([each.name for each in changes], forward, backward)


def _invalid_without_next(changes: list[Change], value_of: ValueOf) -> int | None:
    """Return the place of the first of two changes that only go together; None without such."""
    for count in range(1, len(changes)):
        for added, place in (
            (changes[:count], count - 1),
            (changes[: -count - 1 : -1], -count - 1),
        ):
            value = value_of(added)
            if isinstance(value, Missing) and value.is_invalid:
                return place % len(changes)
    return None


def _order(changes: list[Change], first: float, last: float, value_of: ValueOf) -> Order:
    """Return the shares of changes that are added one after the other."""
    found: dict[str, float | None] = dict.fromkeys(each.name for each in changes)
    gaps: list[Gap] = []
    before, begun, problem = first, 0, ""
    for count, change in enumerate(changes, 1):
        value = value_of(changes[:count]) if count < len(changes) else last
        if isinstance(value, Missing):
            problem = problem or value.problem
            continue
        if count - begun == 1:
            found[change.name] = value - before
        else:
            names = [each.name for each in changes[begun:count]]
            gaps.append(Gap(names, value - before, problem))
        before, begun, problem = value, count, ""
    return Order(found, gaps)
