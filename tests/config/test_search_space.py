"""The syntax of a sweep's search space."""

import pytest

from lockstep.config.search_space import (
    Choices,
    Interval,
    Whole,
    combinations,
    parsed,
    separated,
    size,
)
from lockstep.errors import ParamsError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b,c", Choices(("a", "b", "c"))),
        ("[32],[64,64]", Choices(("[32]", "[64,64]"))),
        ("{name: sgd, momentum: 0.9},adam", Choices(("{name: sgd, momentum: 0.9}", "adam"))),
        ("'a,b',c", Choices(("'a,b'", "c"))),
        ("1..8", Whole(1, 8)),
        ("-2..2", Whole(-2, 2)),
        ("log:1..100", Whole(1, 100, log=True)),
        ("0.1..0.5", Interval(0.1, 0.5)),
        ("log:1e-4..1e-1", Interval(1e-4, 0.1, log=True)),
        ("1..2.5", Interval(1.0, 2.5)),
        ("3", None),
        ("[32,64]", None),
        ("'a..b'", None),
        ("../data", None),
        ("null", None),
    ],
)
def test_what_a_text_has_to_choose_from(text: str, expected: object) -> None:
    assert parsed("key", text) == expected


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["seed"], "got 'seed', expected key=value such as seed=0..4"),
        (["seed=4..0"], "seed: got '4..0', expected the lower number before .."),
        (["rate=log:0..1"], "rate: got 'log:0..1', expected numbers above 0"),
        (["rate=log:1"], "rate: got 'log:1', expected log:LOW..HIGH"),
        (["rate=1,,2"], "rate: got '1,,2', expected values between the commas"),
        (["rate=1,1"], "rate: got '1,1', expected different values"),
        (["rate=1,{"], "expected a value that is YAML"),
        (["rate=1,2", "rate=3"], "rate: given twice"),
    ],
)
def test_a_mistake_is_one_line(given: list[str], line: str) -> None:
    with pytest.raises(ParamsError) as raised:
        separated(given)
    assert line in str(raised.value)


def test_all_combinations_of_a_finite_space() -> None:
    fixed, space = separated(["a=1..2", "b=x,y", "c=5"])
    assert (fixed, size(space)) == (["c=5"], 4)
    assert [each["a"] + each["b"] for each in combinations(space)] == ["1x", "1y", "2x", "2y"]


def test_a_suggested_number_is_short_and_within_its_ends() -> None:
    interval = Interval(0.00012345, 0.1)
    assert interval.rounded(0.001234567) == 0.001235
    assert interval.rounded(0.0001234) == 0.00012345
