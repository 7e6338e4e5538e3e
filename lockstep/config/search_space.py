"""The search space of a sweep, in the syntax of overrides: a,b,c or 1..8 or log:1e-4..1e-1."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.config.overrides import as_value, overridden
from lockstep.errors import ParamsError

LOG, RANGE = "log:", ".."
WHOLE = re.compile(r"[+-]?\d+")
BRACKETS = {"[": "]", "{": "}", "(": ")"}
MAX_DIGITS = 18  # of a whole number in a range: Optuna's have 64 bits
DIGITS = 4  # significant ones of a suggested float, so that its command can be read


@dataclass(frozen=True)
class Choices:
    """Values to choose from, each as the text of an override."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(self.values)}"


@dataclass(frozen=True)
class Whole:
    """All whole numbers from `low` to `high`, both included."""

    low: int
    high: int
    log: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """All of them, as texts."""
        return tuple(map(str, range(self.low, self.high + 1)))

    def __str__(self) -> str:
        return f"a whole number from {self.low} to {self.high}{_scale(self.log)}"


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`."""

    low: float
    high: float
    log: bool = False

    def rounded(self, value: float) -> float:
        """Return a number with DIGITS significant digits that lies in the interval."""
        return min(self.high, max(self.low, float(f"{value:.{DIGITS}g}")))

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}{_scale(self.log)}"


Dimension = Choices | Whole | Interval
Space = Mapping[str, Dimension]


def _scale(log: bool) -> str:
    return ", on a logarithmic scale" if log else ""


def separated(assignments: Iterable[str]) -> tuple[list[str], dict[str, Dimension]]:
    """Return the overrides with one value, and the dimensions of those with several, by key.

    Raises ParamsError for one that isn't key=value, a key that comes twice, or a wrong range.
    """
    fixed: list[str] = []
    space: dict[str, Dimension] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not (key and equals):
            raise ParamsError(f"got {assignment!r}, expected key=value such as seed=0..4")
        dimension = parsed(key, text)
        if key in space or any(each.startswith(f"{key}=") for each in fixed):
            raise ParamsError(f"{key}: given twice, expected one value or range")
        if dimension is None:
            fixed.append(assignment)
        else:
            space[key] = dimension
    return fixed, space


def parsed(key: str, text: str) -> Dimension | None:
    """Return what a text has to choose from; None for a single value."""
    found = _range(key, text)
    if found:
        return found
    values = list(_split(text))
    if len(values) == 1:
        return None
    for each in values:
        if not each:
            raise ParamsError(f"{key}: got {text!r}, expected values between the commas")
        overridden({}, [f"value={each}"])  # raises for what is no YAML
    if len(set(values)) < len(values):
        raise ParamsError(f"{key}: got {text!r}, expected different values")
    return Choices(tuple(values))


def as_text(key: str, value: Any) -> str:
    """Return the text after `=` for a value in a sweep's file: a list has choices."""
    if isinstance(value, list):
        return ",".join(as_value(each) for each in value)
    return value if isinstance(value, str) else as_value(value)


def _range(key: str, text: str) -> Dimension | None:
    log = text.startswith(LOG)
    low, dots, high = text.removeprefix(LOG).partition(RANGE)
    if dots and any(WHOLE.fullmatch(each) and len(each) > MAX_DIGITS for each in (low, high)):
        digits = max(len(low), len(high))
        raise ParamsError(
            f"{key}: got a number of {digits} digits in a range, expected at most {MAX_DIGITS}"
        )
    first, last = (_number(low), _number(high)) if dots else (None, None)
    if first is None or last is None:
        if log:
            raise ParamsError(f"{key}: got {text!r}, expected log:LOW..HIGH such as log:1e-4..1e-1")
        return None
    if not first < last:
        raise ParamsError(f"{key}: got {text!r}, expected the lower number before {RANGE}")
    if log and first <= 0:
        raise ParamsError(f"{key}: got {text!r}, expected numbers above 0 on a logarithmic scale")
    whole = isinstance(first, int) and isinstance(last, int)
    return Whole(first, last, log) if whole else Interval(float(first), float(last), log)


def _number(text: str) -> Any:
    """Return an int or a finite float, or None."""
    if WHOLE.fullmatch(text):
        return int(text)
    try:
        found = float(text)
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None


def _split(text: str) -> Iterator[str]:
    """Yield what stands between commas, but for those in brackets and in quotes."""
    closing: list[str] = []
    quote, start = "", 0
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in BRACKETS:
            closing.append(BRACKETS[letter])
        elif closing and letter == closing[-1]:
            closing.pop()
        elif letter == "," and not closing:
            yield text[start:place].strip()
            start = place + 1
    yield text[start:].strip()


def size(space: Space) -> int | None:
    """Return the number of combinations, or None if there are infinitely many."""
    total = 1
    for each in space.values():
        if isinstance(each, Interval):
            return None
        total *= each.high - each.low + 1 if isinstance(each, Whole) else len(each.values)
    return total


def combinations(space: Space) -> Iterator[dict[str, str]]:
    """Yield each combination of a space without intervals; the last key changes fastest."""
    known = [each.values for each in space.values() if not isinstance(each, Interval)]
    for values in itertools.product(*known):
        yield dict(zip(space, values, strict=True))


def ends(dimension: Dimension) -> tuple[str, ...]:
    """Return the values to check: of a range its ends, else all of them."""
    if isinstance(dimension, Choices):
        return dimension.values
    return as_value(dimension.low), as_value(dimension.high)


def assignments(values: Mapping[str, str]) -> list[str]:
    """Return `key=value` of each."""
    return [f"{key}={value}" for key, value in values.items()]
