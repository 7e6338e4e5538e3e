"""`lockstep run` on a real Prefect server: the same bytes as `dvc repro`, and correct states."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.prefect_server import filtered, lockstep, runs_of, start_paused, task_runs
from tests.support.trainings import Pauses
from tests.support.waiting import LONG
from tests.support.workspaces import (
    SMALL,
    STAGES,
    git,
    keep_stages,
    load,
    run,
    run_stages,
)

pytestmark = pytest.mark.system


def test_a_stage_added_to_dvc_yaml_shows_up_and_runs(
    make_workspace: Callable[..., Path], server: str
) -> None:
    root = make_workspace(name="added")
    source = "def count(params, root):\n    (root / 'counted').write_text(str(params.seed))\n"
    (root / "tasks" / "count.py").write_text(source)
    yaml = YAML()
    graph = yaml.load(root / "dvc.yaml")
    kept = {"download": graph["stages"]["download"]}
    count = {
        "desc": "Counts",
        "cmd": "python -m tasks count",
        "deps": ["data/raw"],
        "outs": ["counted"],
    }
    shell = {"cmd": "cat counted > shown", "deps": ["counted"], "outs": ["shown"]}
    yaml.dump({"stages": {**kept, "count": count, "shell": shell}}, root / "dvc.yaml")
    output = lockstep(root, server)
    assert (root / "shown").read_text() == "0"
    found = task_runs(server, output)
    assert {name: each["state_name"] for name, each in found.items()} == dict.fromkeys(
        ("download", "count", "shell"), "Completed"
    )
    before = [each["id"] for each in found["shell"]["task_inputs"]["wait_for"]]
    assert before == [found["count"]["id"]]


def test_a_failed_stage_has_its_own_line_in_prefect(
    make_workspace: Callable[..., Path], server: str
) -> None:
    root = make_workspace({"data.name": "mnist", "data.mirror": "nowhere"}, "failing")
    ended = run(root, "lockstep", "run", PREFECT_API_URL=server)
    assert ended.returncode == 3
    line = f"data.mirror: got 'nowhere', but there is no folder {root / 'nowhere' / 'mnist'}"
    assert ended.stdout.splitlines()[-1] == f"lockstep run: download: {line}"
    found = task_runs(server, ended.stdout)
    assert list(found) == ["download"]
    assert (found["download"]["state_name"], found["download"]["state"]["message"]) == (
        "Failed",
        line,
    )
    assert found["download"]["run_count"] == 1


def test_only_temporary_failures_are_retried(
    make_workspace: Callable[..., Path], server: str
) -> None:
    root = make_workspace(name="retrying")
    yaml = YAML()
    meta = {"retries": 2, "retry_delay_seconds": 0}
    command = "echo x >> tries && test $(wc -l < tries) -ge 3 && cp tries done || exit 75"
    yaml.dump(
        {"stages": {"busy": {"cmd": command, "meta": meta, "outs": ["done"]}}}, root / "dvc.yaml"
    )
    output = lockstep(root, server)
    assert (root / "done").read_text() == "x\nx\nx\n"
    assert task_runs(server, output)["busy"]["run_count"] == 3


def test_a_server_that_does_not_answer_is_a_temporary_failure(workspace: Path) -> None:
    ended = run(workspace, "lockstep", "run", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert ended.returncode == 75
    assert "lockstep run: PREFECT_API_URL: http://127.0.0.1:9/api doesn't answer" in ended.stdout
    assert not (workspace / "dvc.lock").exists()


def test_without_a_server_it_starts_a_temporary_one(
    workspace: Path, hermetic: Path, tmp_path: Path
) -> None:
    keep_stages(workspace, ("download", "normalize"))
    ended = run(workspace, "lockstep", "run", TMPDIR=str(tmp_path))
    assert ended.returncode == 0, ended.stdout
    assert "starting a temporary Prefect server" in ended.stdout
    assert (workspace / "data" / "ready" / "spec.json").exists()
    assert not hermetic.exists(), hermetic.read_text()
    assert not list(tmp_path.glob("lockstep-*"))  # the server's database


def test_four_overridden_runs_at_once(
    make_workspace: Callable[..., Path], server: str, tensorflow: Any
) -> None:
    import hashlib

    root = make_workspace(SMALL, "at-once", until="train")
    (root / "models" / "note.txt").write_text("not committed\n")
    before = git(root, "status", "--porcelain", "-uall")
    running = [
        subprocess.Popen(
            ["lockstep", "run", f"seed={seed}"],
            cwd=root,
            env={**os.environ, "PREFECT_API_URL": server},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for seed in range(1, 5)
    ]
    outputs = [process.communicate(timeout=LONG)[0] for process in running]
    for process, output in zip(running, outputs, strict=True):
        assert process.returncode == 0, output
    assert git(root, "status", "--porcelain", "-uall") == before
    assert git(root, "worktree", "list").count("\n") == 1
    names = [re.findall(r"saved as (\S+)", output)[0] for output in outputs]
    shown = run(root, "dvc", "exp", "show", "--csv").stdout
    assert all(f"\n{name}," in shown for name in names)
    assert {each.info.status for each in runs_of(root)} == {"FINISHED"}
    assert len(runs_of(root)) == 4
    for seed, name in enumerate(names, start=1):
        alone = make_workspace({**SMALL, "seed": seed}, f"alone-{seed}")
        run_stages(alone, "download", "normalize", "build", "train")
        git(root, "checkout", "-q", "--", ".")
        applied = run(root, "dvc", "exp", "apply", name)
        assert applied.returncode == 0, applied.stdout
        assert load(root).seed == seed
        for weights in ("best", "last"):
            file = f"weights/{weights}.weights.h5"
            ours, theirs = ((each / file).read_bytes() for each in (root, alone))
            assert hashlib.sha256(ours).digest() == hashlib.sha256(theirs).digest()


def members(group: int) -> list[str]:
    """The living processes of a process group, without zombies."""
    left = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            left.append(stat.parent.name)
    return left


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["term", "int"]
)
def test_a_stopped_run_ends_cleanly_and_resumes(
    make_workspace: Callable[..., Path],
    server: str,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    pauses = Pauses(tmp_path / "pauses", 2)
    changes = {**SMALL, **pauses.changes(), "train.epochs": 3}
    root = make_workspace(changes, "stopped", until="train")
    process = start_paused(root, server, pauses)
    process.send_signal(number)
    rest, _ = process.communicate(timeout=LONG)
    assert process.returncode == code, rest
    assert "Traceback" not in rest.rpartition("lockstep run")[2]
    assert members(process.pid) == []
    assert not list(root.rglob(".part-*"))
    (found,) = runs_of(root)
    assert found.info.status == "KILLED"
    flows = filtered(server, "flow_runs", {"sort": "START_TIME_DESC", "limit": 1})
    assert flows[0]["state_type"] == "CRASHED"
    pauses.go_on(2)
    assert "goes on after epoch 1," in lockstep(root, server)
    assert "up to date" in run(root, "dvc", "status").stdout


def test_the_workspace_of_a_stopped_run_is_removed_by_the_next_one(
    make_workspace: Callable[..., Path], server: str, tmp_path: Path
) -> None:
    pauses = Pauses(tmp_path / "pauses", 2)
    root = make_workspace({**SMALL, **pauses.changes()}, "stopped", until="train")
    process = start_paused(root, server, pauses, "train.epochs=3")
    process.terminate()
    rest, _ = process.communicate(timeout=LONG)
    assert process.returncode == 143, rest
    assert "Traceback" not in rest
    assert "the workspace is kept" not in rest
    (owner,) = (root / ".lockstep" / "workspaces").glob("*.owner.json")
    assert members(process.pid) == []
    assert git(root, "status", "--porcelain") == ""
    (found,) = runs_of(root)
    assert found.info.status == "KILLED"
    assert run(root, "lockstep", "plan", "seed=1").returncode == 0
    assert not owner.exists()
    assert git(root, "worktree", "list").count("\n") == 1


def test_the_output_of_plan_is_json_that_names_each_stage(workspace: Path) -> None:
    ended = run(workspace, "lockstep", "plan", "--json")
    assert [each["stage"] for each in json.loads(ended.stdout)] == list(STAGES)
