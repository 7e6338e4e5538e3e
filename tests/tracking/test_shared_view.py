"""The view of MLflow's runs by what differs: which columns it has, and that the page shows them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lockstep.tracking import database
from tests.support.browser import keep, opened
from tests.support.mlflow_server import mlflow_server
from tests.support.workspaces import with_values

# What lockstep.tracking.run_contents logs of seven experiments, but for what all have.
SAME = {"data.name": "digits", "seed": "0", "model.name": "cnn", "train.learning_rate": "0.001"}
SEVEN: dict[str, dict[str, str]] = {
    "digits cnn 1a2b3c4": {},
    "seed=2": {"seed": "2"},
    "seed=3": {"seed": "3"},
    "lr=0.003": {"train.learning_rate": "0.003"},
    "lr=0.1": {"train.learning_rate": "0.1"},
    "mlp": {"model.name": "mlp", "model.mlp.dropout": "0.0"},
    "mlp dropout=0.2": {"model.name": "mlp", "model.mlp.dropout": "0.2"},
}
COLUMNS = [
    "params.`seed`",
    "params.`model.name`",
    "params.`model.mlp.dropout`",
    "params.`train.learning_rate`",
    "metrics.`test_accuracy`",
    "attributes.`Models`",
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(database.ensure(tmp_path_factory.mktemp("store")))


@pytest.fixture
def store(client: Any, request: pytest.FixtureRequest) -> tuple[Any, str]:
    """A client of a database, and the id of a new experiment in it."""
    return client, client.create_experiment(request.node.name)


def log(store: tuple[Any, str], name: str, params: Mapping[str, str], **metrics: float) -> None:
    from mlflow.entities import Metric, Param

    client, experiment = store
    made = client.create_run(experiment, run_name=name).info.run_id
    client.log_batch(
        made,
        params=[Param(*each) for each in params.items()],
        metrics=[Metric(key, value, 0, 0) for key, value in metrics.items()],
    )


def log_seven(store: tuple[Any, str]) -> None:
    for place, (name, different) in enumerate(SEVEN.items()):
        log(store, name, SAME | different, test_accuracy=0.9 + place / 100, val_loss=0.5)


def updated(store: tuple[Any, str]) -> dict[str, str]:
    """The experiment's tags after an update."""
    from lockstep.tracking import shared_view

    client, experiment = store
    shared_view.update(client, experiment, with_values({}))
    tags: dict[str, str] = client.get_experiment(experiment).tags
    return tags


def view_in(tags: Mapping[str, str]) -> dict[str, Any]:
    view: dict[str, Any] = json.loads(tags["mlflow.sharedViewState.lockstep"])
    return view


def columns_in(tags: Mapping[str, str]) -> list[str]:
    columns: list[str] = json.loads(view_in(tags)["state"])["selectedColumns"]
    return columns


def test_columns_are_what_differs_in_the_order_of_the_parameters(store: tuple[Any, str]) -> None:
    log_seven(store)
    tags = updated(store)
    assert columns_in(tags) == COLUMNS
    assert "viewStateShareKey=lockstep" in tags["mlflow.note.content"]


def test_a_view_is_written_only_if_it_changes(store: tuple[Any, str]) -> None:
    log_seven(store)
    before = view_in(updated(store))
    log(store, "one more", SAME)
    assert view_in(updated(store)) == before
    log(store, "another", SAME | {"data.name": "mnist"})
    after = view_in(updated(store))
    assert "data.name" in after["state"]
    assert after["createdAt"] == before["createdAt"]
    assert after["updatedAt"] > before["updatedAt"]


def test_of_many_those_that_differ_in_most_runs_are_columns(store: tuple[Any, str]) -> None:
    often = {f"train.many{place:02}": "a" for place in range(12)}
    log(store, "first", {"seed": "0", **often})
    log(store, "second", {"seed": "0", **dict.fromkeys(often, "b")})
    log(store, "third", {"seed": "1", **dict.fromkeys(often, "c")})
    assert columns_in(updated(store)) == [*(f"params.`{name}`" for name in often), COLUMNS[-1]]


def test_a_description_and_a_view_that_are_there_stay(store: tuple[Any, str]) -> None:
    client, experiment = store
    log_seven(store)
    client.set_experiment_tag(experiment, "mlflow.note.content", "of ours")
    client.set_experiment_tag(experiment, "mlflow.sharedViewState.mine", "{}")
    tags = updated(store)
    assert tags["mlflow.note.content"] == "of ours"
    assert tags["mlflow.sharedViewState.mine"] == "{}"


def test_a_view_that_cannot_be_read_is_replaced(store: tuple[Any, str]) -> None:
    client, experiment = store
    log_seven(store)
    client.set_experiment_tag(experiment, "mlflow.sharedViewState.lockstep", "no JSON")
    assert columns_in(updated(store)) == COLUMNS


def test_a_missing_experiment_is_no_error(store: tuple[Any, str]) -> None:
    from lockstep.tracking import shared_view

    shared_view.update(store[0], "77", with_values({}))


@pytest.fixture(scope="module")
def server(client: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(client.tracking_uri, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.mark.system
def test_the_page_tells_seven_runs_apart(
    store: tuple[Any, str], server: str, tmp_path: Path
) -> None:
    from lockstep.tracking import shared_view

    log_seven(store)
    updated(store)
    with opened(shared_view.address(server, store[1])) as page:
        for name in SEVEN:
            page.get_by_text(name, exact=True).first.wait_for()
        page.get_by_role("button", name="What differs").wait_for()
        cells = page.locator("[row-id] [col-id='params.`train.learning_rate`']")
        shown = cells.all_inner_texts()
        keep(page, "mlflow", tmp_path)
    assert sorted(shown) == ["0.001"] * 5 + ["0.003", "0.1"]


@pytest.mark.system
def test_the_description_of_an_experiment_links_to_it(store: tuple[Any, str], server: str) -> None:
    log_seven(store)
    updated(store)
    with opened(f"{server}/#/experiments/{store[1]}/runs") as page:
        with page.expect_popup() as shown:
            page.get_by_text("Runs by the parameters that differ").first.click()
        shown.value.get_by_role("button", name="What differs").wait_for()
        shown.value.locator("[col-id='params.`seed`']").first.wait_for()
