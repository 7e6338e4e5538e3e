"""The view of MLflow's list of runs whose columns are the parameters that differ and test metrics.

It is in the menu "Views" of an experiment's runs. MLflow's pages keep each view as a tag of the
experiment: JSON of its name, its times in ms, and JSON of what differs from the default view.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE  # an experiment's description too

from lockstep.config.reading import flat_params
from lockstep.config.schema import Params
from lockstep.tracking.client import MODEL_TRAINING_PAGES

STAGES = ("evaluate", "register")  # after which there are new test metrics, or a new version
KEY, NAME = "lockstep", "What differs"
TAG = f"mlflow.sharedViewState.{KEY}"
NEWEST, WIDEST = 100, 12  # runs, as the page shows at first; columns of parameters, and of metrics
RUN_NAME, VERSIONS = "attributes.`Run Name`", "attributes.`Models`"
# In pixels. MLflow's 100 cut `train.learning_rate`, and its 190 a name of four differences.
NAME_WIDTH, MARGIN, LETTER, BROADEST = 220, 28, 6, 180


def update(client: MlflowClient, experiment_id: str, params: Params) -> None:
    """Write the view if its columns have changed, and a link to it if there is no description.

    A refusal, as of a user who may only log runs, leaves both as they are: the run is complete.
    """
    with suppress(MlflowException):
        experiment = client.get_experiment(experiment_id)
        runs = client.search_runs([experiment_id], max_results=NEWEST)
        state = json.dumps(_state(columns(runs, list(flat_params(params)))))
        made, before = _of(experiment)
        if state != before:
            now = int(time.time() * 1000)
            view = {"name": NAME, "createdAt": made or now, "updatedAt": now, "state": state}
            client.set_experiment_tag(experiment_id, TAG, json.dumps(view))
        if MLFLOW_RUN_NOTE not in experiment.tags:
            note = f"[Runs by the parameters that differ and test metrics]({_path(experiment_id)})"
            client.set_experiment_tag(experiment_id, MLFLOW_RUN_NOTE, note)


def columns(runs: Sequence[Run], order: Sequence[str]) -> list[str]:
    """Return MLflow's names of the columns that tell runs apart; `order` is that of parameters."""
    tested = Counter(name for run in runs for name in run.data.metrics if name.startswith("test_"))
    return [
        *(f"params.`{name}`" for name in _differing(runs, order)),
        *(f"metrics.`{name}`" for name, _ in tested.most_common(WIDEST)),
        VERSIONS,
    ]


def address(uri: str, experiment_id: str) -> str:
    """Return the URL of the view on a server."""
    return f"{uri.rstrip('/')}/{_path(experiment_id)}"


def _differing(runs: Iterable[Run], order: Sequence[str]) -> list[str]:
    """Return the parameters with several values, of too many those that differ in most runs.

    A run without a parameter doesn't count: it is of another model, or older than the parameter.
    """
    values: dict[str, Counter[str]] = {}
    for run in runs:
        for name, value in run.data.params.items():
            values.setdefault(name, Counter())[value] += 1
    others = {name: each.total() - max(each.values()) for name, each in values.items()}
    found = [name for name in _ordered(others, order) if others[name]]
    shown = set(sorted(found, key=lambda name: -others[name])[:WIDEST])
    return [name for name in found if name in shown]


def _ordered(names: Iterable[str], order: Sequence[str]) -> list[str]:
    """Return names in an order that lacks other models' parameters: at the end of their section."""
    places = {name: place for place, name in enumerate(order)}
    sections = list(dict.fromkeys(name.partition(".")[0] for name in order))

    def place(name: str) -> tuple[int, int, str]:
        section = name.partition(".")[0]
        known = sections.index(section) if section in sections else len(sections)
        return known, places.get(name, len(order)), name

    return sorted(names, key=place)


def _state(shown: Sequence[str]) -> dict[str, object]:
    """Return what differs from the default view; without an order, metrics come first."""
    names = {column: column.split("`")[1] for column in shown if column != VERSIONS}
    widths = {column: min(MARGIN + LETTER * len(name), BROADEST) for column, name in names.items()}
    return {
        "selectedColumns": shown,
        "columnOrder": [RUN_NAME, *shown],
        "columnWidths": {RUN_NAME: NAME_WIDTH, **widths},
    }


def _of(experiment: Experiment) -> tuple[int, str]:
    """Return when the view was made and its state; 0 and nothing if there is none to be read."""
    try:
        view = json.loads(experiment.tags[TAG])
        return int(view["createdAt"]), str(view["state"])
    except (KeyError, TypeError, ValueError):
        return 0, ""


def _path(experiment_id: str) -> str:
    return f"#/experiments/{experiment_id}/runs?{MODEL_TRAINING_PAGES}&viewStateShareKey={KEY}"
