"""A problem of a checkout, and what mends it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Repair:
    """What is wrong, what will be done about it, and what does it."""

    problem: str
    remedy: str
    act: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.problem}; --fix: {self.remedy}"
