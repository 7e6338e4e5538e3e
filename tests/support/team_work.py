"""A team at work on two machines: its workers wait for runs, and experiments are asked for."""

from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.support.served import FINAL
from tests.support.two_machine_team import SECRETS, Team
from tests.support.waiting import until
from tests.support.workspaces import git

USER, PASSWORD = SECRETS["AUTH_STRING"].split(":")


class Work(NamedTuple):
    """A team at work: both workers wait for runs, and each machine's shells have these lines."""

    team: Team
    prefect: str
    mlflow: str
    shell: list[str]

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self.prefect}/{path}", auth=(USER, PASSWORD), timeout=30)
        return answer.raise_for_status().json()

    def ask(self, seed: int) -> str:
        """Start a run of the deployment, and return its id."""
        deployment = self.get("deployments/name/experiment/manual")["id"]
        url = f"{self.prefect}/deployments/{deployment}/create_flow_run"
        # The later ones are worse: one that becomes champion by mistake stays so.
        overrides = {"seed": seed, "train.learning_rate": (20 - seed) / 1000}
        asked = {"parameters": {"overrides": overrides}}
        answer = httpx.post(url, json=asked, auth=(USER, PASSWORD), timeout=30)
        return str(answer.raise_for_status().json()["id"])

    def ended(self, sought: str) -> dict[str, Any]:
        until(lambda: self.get(f"flow_runs/{sought}")["state_type"] in FINAL, 300, every=1)
        return dict(self.get(f"flow_runs/{sought}"))


class Made(NamedTuple):
    """Flow runs that have ended, whose outputs went to a store of this kind."""

    work: Work
    kind: str
    runs: list[dict[str, Any]]

    @property
    def names(self) -> list[str]:
        """The names of the experiments, as the final states have them."""
        return [each["state"]["message"].removeprefix("saved as ") for each in self.runs]


def recorded(origin: Path, name: str) -> str:
    """The dvc.lock of an experiment that was pushed."""
    refs = git(origin, "for-each-ref", "--format=%(refname)", "refs/exps").split()
    (ref,) = [each for each in refs if each.endswith(f"/{name}")]
    return git(origin, "show", f"{ref}:dvc.lock")
