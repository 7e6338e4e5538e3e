"""The typed parameters of deployed runs: what the form takes and refuses, and what they set."""

from typing import Any

import pytest
from prefect.utilities.schema_tools.validation import validate

from lockstep.config.overrides import overridden
from lockstep.config.presets import preset_names
from lockstep.config.reading import flat_values
from lockstep.config.yaml_files import read_yaml
from pipelines import deployment_form
from tests.support.workspaces import REPOSITORY


@pytest.fixture(scope="module")
def form() -> dict[str, Any]:
    return deployment_form.form(REPOSITORY)


def refused(form: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """The paths of the values that Prefect's server doesn't take."""
    found = validate(values, {"type": "object", "properties": form})
    return [each.json_path for each in found]


def without_null(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    return {key: without_null(each) for key, each in values.items() if each is not None}


def test_it_takes_all_values_of_params_yaml(form: dict[str, Any]) -> None:
    values = read_yaml(REPOSITORY / "params.yaml")
    assert set(form) == {*values, "preset"}
    assert refused(form, without_null(values)) == []
    assert set(form["train"]["properties"]) == set(values["train"])
    assert set(form["data"]["properties"]) == set(values["data"])


def test_nothing_is_required(form: dict[str, Any]) -> None:
    empty: dict[str, Any] = {key: {} for key in form if key not in ("seed", "preset")}
    assert refused(form, {**empty, "seed": None, "preset": ""}) == []
    assert deployment_form.assignments(empty) == []


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"preset": "mnist-cn"}, "$.preset"),
        ({"seed": -1}, "$.seed"),
        ({"train": {"epochs": 0}}, "$.train.epochs"),
        ({"train": {"epochs": "three"}}, "$.train.epochs"),
        ({"train": {"order": "random"}}, "$.train.order"),
        ({"train": {"epoch": 3}}, "$.train"),
        ({"data": {"name": "mnst"}}, "$.data.name"),
        ({"data": {"validation_split": 1}}, "$.data.validation_split"),
        ({"model": {"mlp": {"dropout": "x"}}}, "$.model.mlp.dropout"),
    ],
)
def test_it_refuses(form: dict[str, Any], values: dict[str, Any], path: str) -> None:
    assert refused(form, values) == [path]


@pytest.mark.parametrize(
    ("overrides", "refused"),
    [
        ({"train.epochs": 0}, ["0 is less than the minimum of 1"]),
        ({"train.order": "random"}, ["'random' is not one of"]),
        ({"seed": "x"}, ["'x' is not valid"]),
        ({"train.epoch": 3, "seeds": 1}, ["'train.epoch' is not", "'seeds' is not"]),
        # A null, a name as a list of one, keys of mappings, what may be newer than the deployment.
        ({"train.epochs": None, "seed": None, "train.loss_weights": None}, []),
        ({"train.freeze": "dense", "train.phases": [{"epochs": 1, "freeze": "dense"}]}, []),
        ({"train.optimizer.momentum": 0.5, "model.mine.units": [8], "model.mine": {}}, []),
        ({"data.name": "mine", "model.name": "mine", "data.columns.age": "number"}, []),
    ],
)
def test_overrides_are_checked_by_their_keys(
    form: dict[str, Any], overrides: dict[str, Any], refused: list[str]
) -> None:
    schema = {"type": "object", "properties": {"overrides": deployment_form.overrides(form)}}
    found = [each.message for each in validate({"overrides": overrides}, schema)]
    assert len(found) == len(refused)
    assert all(each.startswith(start) for each, start in zip(found, refused, strict=True))


def test_overrides_take_all_values_of_params_yaml(form: dict[str, Any]) -> None:
    values = flat_values(read_yaml(REPOSITORY / "params.yaml"))
    schema = {"type": "object", "properties": {"overrides": deployment_form.overrides(form)}}
    assert validate({"overrides": values}, schema) == []


def test_names_are_choices(form: dict[str, Any]) -> None:
    assert form["preset"]["enum"] == ["", *preset_names(REPOSITORY)]
    assert {"digits", "mnist", "imdb"} < set(form["data"]["properties"]["name"]["enum"])
    assert {"mlp", "cnn"} < set(form["model"]["properties"]["name"]["enum"])
    # A switch would be false where nobody has touched it.
    assert form["train"]["properties"]["deterministic"]["enum"] == [True, False]
    assert form["train"]["properties"]["jit_compile"]["enum"] == [True, False, "auto"]


def test_what_is_given_becomes_overrides() -> None:
    given = {
        "seed": 3,
        "data": {},
        "model": {"name": "mlp", "cnn": {}, "mlp": {"units": [8]}},
        "train": {"epochs": 2, "optimizer": {"name": "sgd", "momentum": 0.5}},
        "overrides": {"train.epochs": None},
    }
    values = overridden(
        {"model": {"name": "cnn", "mlp": {"units": [1], "dropout": 0.1}}, "train": {}},
        deployment_form.assignments(given),
    )
    assert values == {
        "seed": 3,
        "model": {"name": "mlp", "mlp": {"units": [8], "dropout": 0.1}},
        "train": {"epochs": None, "optimizer": {"name": "sgd", "momentum": 0.5}},
    }
