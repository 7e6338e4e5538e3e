"""The champion behind a real MLflow server, started outside of this repository."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from lockstep.data.spec import load_examples
from tests.support.ports import free_port
from tests.support.waiting import SLOWEST
from tests.support.workspaces import run_stages

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def reproduced(make_workspace: Callable[..., Path], tensorflow: Any) -> Path:
    return run_stages(make_workspace({"train.epochs": 4}))


@pytest.fixture(scope="module")
def address(reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mlflow models serve` of the champion, from another folder."""
    folder = tmp_path_factory.mktemp("elsewhere")
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", "models:/digits@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{reproduced / 'mlflow.db'}"}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server, folder / "log")
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SLOWEST * 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(address, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    raise AssertionError(log.read_text())


def test_raw_pixels_get_the_probabilities_of_evaluation(reproduced: Path, address: str) -> None:
    pixels = load_examples(reproduced, "test").x
    for batch in (pixels[:1], pixels):
        answer = httpx.post(address, json={"instances": batch.tolist()}, timeout=60)
        assert answer.status_code == 200, answer.text
        found = np.array(answer.json()["predictions"])
        outputs = np.load(reproduced / "report" / "outputs.npy")[: len(batch)]
        np.testing.assert_allclose(found, outputs, atol=1e-6)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[[0] * 8] * 7]},
        {"instances": [[0] * 64]},
        {"instances": [[["x"] * 8] * 8]},
        {"instances": [[[300] * 8] * 8]},
        {"nonsense": 1},
    ],
    ids=["shape", "rank", "text", "range", "form"],
)
def test_a_wrong_request_is_answered_with_400(address: str, body: Any) -> None:
    answer = httpx.post(
        address, content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
