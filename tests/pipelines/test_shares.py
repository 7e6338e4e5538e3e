"""The shares of changes in a metric's change sum to it, also where experiments between fail."""

from collections.abc import Sequence

import pytest

from lockstep.versioning.parameter_differences import NOTHING, parameter_differences
from pipelines.attribution.changes import Change, applied
from pipelines.attribution.shares import Missing, Shares, Value, shares

A, B, C = (Change(name, {name: 1}) for name in "abc")
# With two of them more than the sum of both.
VALUES = {"": 0.0, "a": 1.0, "b": 2.0, "c": 4.0, "ab": 10.0, "bc": 6.0, "abc": 20.0}


def with_values(values: dict[str, Value]) -> Shares:
    def value_of(added: Sequence[Change]) -> Value:
        return values["".join(sorted(key for each in added for key in each.params))]

    return shares([A, B, C], 0.0, 20.0, value_of)


def test_the_shares_of_both_orders_sum_to_the_total() -> None:
    found = with_values({**VALUES})
    assert found.forward.shares == {"a": 1.0, "b": 9.0, "c": 10.0}
    assert found.backward.shares == {"c": 4.0, "b": 2.0, "a": 14.0}
    assert [found.interacts(name) for name in found.names] == [True, True, True]
    assert found.forward.gaps == found.backward.gaps == []


def test_the_neighbours_of_a_failure_have_a_share_together() -> None:
    found = with_values({**VALUES, "ab": Missing("it diverged", False)})
    assert found.forward.shares == {"a": 1.0, "b": None, "c": None}
    (gap,) = found.forward.gaps
    assert gap == (["b", "c"], 19.0, "it diverged")
    assert found.backward.shares == {"c": 4.0, "b": 2.0, "a": 14.0}
    assert not found.interacts("b")


@pytest.mark.parametrize(
    ("invalid", "names"),
    [
        (["a"], ["a with b", "c"]),
        (["c"], ["a", "b with c"]),
        (["bc"], ["a with b", "c"]),
        (["a", "ab"], ["a with b with c"]),
        (["a", "c"], ["a with b with c"]),
    ],
)
def test_what_is_invalid_alone_is_one_change_with_the_next(
    invalid: list[str], names: list[str]
) -> None:
    found = with_values({**VALUES, **dict.fromkeys(invalid, Missing("unknown key", True))})
    assert found.names == names
    for order in (found.forward, found.backward):
        assert sum(filter(None, order.shares.values())) == 20.0


def test_changes_lead_from_one_params_yaml_to_another() -> None:
    before = {
        "seed": 0,
        "model": {"name": "cnn", "cnn": {"units": 3}, "mlp": {"units": [1]}},
        "train": {"optimizer": {"name": "sgd", "momentum": 0.9}, "epochs": 3, "steps": None},
    }
    after = {
        "seed": 0,
        "model": {"name": "mlp", "cnn": {"units": 4}, "mlp": {"units": [2]}},
        "train": {"optimizer": {"name": "adam"}, "epochs": None, "steps": 5, "new": True},
    }
    found = parameter_differences(before, after)
    assert [each.key for each in found] == [
        "model.name", "model.mlp", "model.cnn", "train.optimizer", "train.epochs", "train.steps",
        "train.new",
    ]  # fmt: skip
    assert found[2].b is NOTHING
    made = applied(before, [Change("all", {each.key: each.b for each in found})])
    assert parameter_differences(made, after) == []
    assert before["seed"] == 0
    assert before["train"]["epochs"] == 3
