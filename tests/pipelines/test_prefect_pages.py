"""Prefect's pages in a real browser: the form of a deployment, Cancel and Retry."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import keep, opened
from tests.support.prefect_server import filtered
from tests.support.served import (
    Served,
    ask,
    deploy,
    ended,
    engine_of,
    flow_run,
    paused,
    saved_weights,
    started,
    started_by,
    tracked,
    weights_alone,
)
from tests.support.trainings import Pauses
from tests.support.waiting import until
from tests.support.workspaces import REPOSITORY, SMALL, git, run

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def served(make_workspace: Callable[..., Path]) -> Iterator[Served]:
    with started(make_workspace(SMALL, "pages")) as served:
        deploy(served)
        yield served


@pytest.fixture(scope="module", autouse=True)
def notified(served: Served) -> Iterator[list[str]]:
    """The lines that a webhook has got from the automations of docs/servers.md."""
    lines: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            lines.append(json.loads(body)["text"])
            self.send_response(204)
            self.end_headers()

    (script,) = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs/servers.md").read_text(), re.DOTALL
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{hook.server_port}"
        made = run(served.root, "python", "-c", script, WEBHOOK=address, **served.environment)
        assert made.returncode == 0, made.stdout
        yield lines
        hook.shutdown()


def form_of(served: Served) -> str:
    """The address of the form that starts a run of the deployment."""
    (found,) = filtered(
        served.prefect, "deployments", {"deployments": {"name": {"any_": ["manual"]}}}
    )
    return f"{served.addresses['prefect']}/deployments/deployment/{found['id']}/run"


def runs(served: Served) -> list[str]:
    return [each["id"] for each in filtered(served.prefect, "flow_runs", {})]


RUN_NAME = "//div[./div[@class='p-label__header'][contains(., 'Run Name')]]//input"


def field(page: Any, *keys: str) -> Any:
    """A field of the form, by the keys that lead to it."""
    path = "".join(
        "//div[contains(@class, 'schema-form-property') and ./div[@class='p-label__header']"
        f"//span[normalize-space()='{key} (Optional)']]"
        for key in keys
    )
    return page.locator(f"xpath={path}")


def submit(page: Any) -> None:
    page.get_by_role("button", name="Submit").click()


def test_the_form_starts_a_run(served: Served, tmp_path: Path) -> None:
    before = runs(served)
    with opened(form_of(served)) as page:
        # As the page makes names up; without a digit, as one in nine is, they may be a person's.
        page.locator(f"xpath={RUN_NAME}").fill("xi2-nusakan")
        field(page, "preset").locator("button.p-select-button__control").focus()
        page.keyboard.press("ArrowDown")  # opens the list
        page.get_by_text("linear-tape", exact=True).click()
        field(page, "train", "epochs").locator("input").fill("3")
        keep(page, "form", tmp_path)
        submit(page)
        page.wait_for_url("**?tab=Runs")
    (sought,) = set(runs(served)) - set(before)
    found = ended(served, sought)
    assert found["state_type"] == "COMPLETED", served.output.read_text()
    assert found["name"] == "linear-tape epochs=3"
    given = {key: value for key, value in found["parameters"].items() if value}
    assert given == {"preset": "linear-tape", "train": {"epochs": 3}}
    (made,) = [each for each in tracked(served) if each.info.run_name == found["name"]]
    assert made.data.params["train.epochs"] == "3"
    assert made.data.params["data.name"] == "line"


def test_the_form_refuses_a_number_out_of_range(served: Served, tmp_path: Path) -> None:
    before = runs(served)
    with opened(form_of(served)) as page:
        field(page, "train", "epochs").locator("input").fill("0")
        submit(page)
        page.get_by_text("'train.epochs'. Failure reason: 0 is less than the min").first.wait_for()
    assert runs(served) == before


def test_the_server_refuses_it_too(served: Served) -> None:
    command = [
        "prefect",
        "deployment",
        "run",
        "experiment/manual",
        "--param",
        'train={"epochs": 0}',
    ]
    refused = run(served.root, *command, **served.environment)
    assert refused.returncode == 1
    assert "0 is less than the minimum of 1" in refused.stdout


def test_a_new_champion_is_announced(notified: list[str]) -> None:
    until(lambda: "linear-tape: version 1 is champion" in notified, 60)


def test_a_failed_run_is_announced(served: Served, notified: list[str]) -> None:
    found = ended(served, ask(served, "manual", {"data.name": "mnist", "data.mirror": "nowhere"}))
    expected = f"{found['name']}: {found['state']['message']}"
    until(lambda: expected in notified, 60)
    assert [line for line in notified if "there is no folder" in line] == [expected]


def test_a_champion_is_rebuilt_by_its_deployment(served: Served) -> None:
    champion = "models:/linear-tape@champion"  # of the first test
    command = ["prefect", "deployment", "run", "verify/nightly", "--param", f"what={champion}"]
    found = ended(served, started_by(run(served.root, *command, **served.environment)))
    assert found["state"]["message"] == "models:/linear-tape/1: BIT-EXACT"
    (page,) = filtered(served.prefect, "artifacts", {"artifacts": {"key": {"any_": ["verify"]}}})
    assert "BIT-EXACT" in page["data"]
    assert "the stage download (no DVC remote)" in page["data"]


def test_cancel_and_retry(
    served: Served, make_workspace: Callable[..., Path], tensorflow: Any, tmp_path: Path
) -> None:
    pauses = Pauses(tmp_path / "pauses", 2)
    changes = {**pauses.changes(), "train.epochs": 4, "seed": 5}
    sought = ask(served, "manual", changes)
    paused(served, sought, pauses, 2)
    engine, address = engine_of(sought), f"{served.addresses['prefect']}/runs/flow-run/{sought}"

    with opened(address) as page:
        page.get_by_role("button", name="Cancel").first.click()
        page.get_by_role("button", name="Confirm").click()
        pressed = time.monotonic()
        until(lambda: not Path(f"/proc/{engine}").exists(), 15)
    assert time.monotonic() - pressed < 15
    assert ended(served, sought)["state_type"] == "CANCELLED"
    (made,) = [each for each in tracked(served) if each.data.params["seed"] == "5"]
    assert made.info.status == "KILLED"

    pauses.go_on(2)
    with opened(address) as page:
        page.get_by_role("button", name="Retry").first.click()
        page.locator(".p-modal").get_by_role("button", name="Retry").click()
        until(lambda: flow_run(served, sought)["state_type"] != "CANCELLED", 30)
    assert ended(served, sought)["state_type"] == "COMPLETED", served.output.read_text()
    assert "goes on after epoch 1" in served.output.read_text()
    assert saved_weights(served, flow_run(served, sought)) == weights_alone(make_workspace, changes)
    (same,) = [each for each in tracked(served) if each.data.params["seed"] == "5"]
    assert (same.info.run_id, same.info.status) == (made.info.run_id, "FINISHED")
    assert git(served.root, "worktree", "list").count("\n") == 1
