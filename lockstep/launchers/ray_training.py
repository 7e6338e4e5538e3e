"""The stage `train` on a Ray cluster: the chief on this machine, the other workers on all nodes."""

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from lockstep.config.schema import Params
from lockstep.errors import ParamsError, UnavailableError, one_line
from lockstep.launchers import ray_cluster, ray_nodes
from lockstep.launchers.ray_cluster import Node
from lockstep.launchers.ray_worker import ENVIRONMENT, OUTPUT, Outcome, work
from lockstep.process import console
from lockstep.storage import layout

RESTARTS = 3  # of all workers, before the stage fails
END = b"\0"


def train(params: Params, root: Path) -> None:
    """Train as `python -m tasks train` does, by workers that Ray places and restarts.

    Ends the process with the chief's exit code if that isn't 0; the chief has printed its error.
    Raises UnavailableError if workers were lost more than RESTARTS times.
    """
    with ray_cluster.connected(root) as nodes, _folder(root) as folder:
        placed = place(params.train.replicas, nodes)
        others = {node for node in placed if node.id != nodes[0].id}
        ray_nodes.prepare(sorted(others), root, "train", params)
        addresses = ", ".join(node.address for node in placed)
        console.say(f"train: {len(placed)} workers by Ray, the chief first: {addresses}")
        if ray_cluster.free_cpus() < len(placed):
            console.say(f"train: waits until Ray has {len(placed)} free CPUs")
        with _shown(folder / OUTPUT):
            code = _fit(placed, root, folder)
    if code:
        raise SystemExit(code)


def place(replicas: int | str, nodes: Sequence[Node]) -> list[Node]:
    """Return the node of each worker, this machine's first.

    A worker has all GPUs of its node; without GPUs it has one replica, and nodes may have several.
    Raises ParamsError for a number of replicas that doesn't fit.
    """
    each = nodes[0].gpus
    equal = [node for node in nodes if node.gpus == each]
    if not each:
        return list(islice(cycle(equal), len(equal) if replicas == "auto" else int(replicas)))
    count = len(equal) * each if replicas == "auto" else int(replicas)
    if count % each or count > len(equal) * each:
        raise ParamsError(
            f"train.replicas: got {replicas}, expected a multiple of {each} up to "
            f"{len(equal) * each}: Ray has {len(equal)} nodes with {each} GPUs each"
        )
    return equal[: count // each]


def _fit(placed: list[Node], root: Path, folder: Path) -> int:
    """Train, and return the chief's exit code."""
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.tensorflow import TensorflowTrainer
    from ray.train.v2.api.exceptions import TrainingFailedError

    gpus = placed[0].gpus
    outcome = ray.remote(Outcome).options(num_cpus=0).remote()
    trainer = TensorflowTrainer(
        work,
        train_loop_config={"root": str(root), "folder": str(folder), "outcome": outcome},
        scaling_config=ScalingConfig(
            num_workers=len(placed),
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": 1, **({"GPU": gpus} if gpus else {})},
            label_selector=[{"ray.io/node-id": node.id} for node in placed],
        ),
        run_config=RunConfig(
            failure_config=FailureConfig(max_failures=RESTARTS), storage_path=str(folder / "ray")
        ),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        raise UnavailableError(
            f"Ray has started all workers {RESTARTS + 1} times: {one_line(_cause(error))}"
        ) from None
    return int(ray.get(outcome.get.remote()) or 0)


def _cause(error: Any) -> str:
    failures = getattr(error, "worker_failures", {})
    return next((str(getattr(each, "cause", each)) for each in failures.values()), str(error))


@contextmanager
def _folder(root: Path) -> Iterator[Path]:
    """A private folder in which the chief finds this process's environment, secrets included."""
    (root / layout.PRIVATE).mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir=root / layout.PRIVATE))  # for this user only
    try:
        (folder / ENVIRONMENT).write_text(json.dumps(dict(os.environ)), encoding="utf-8")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _shown(pipe: Path) -> Iterator[None]:
    """Make a named pipe, and copy to stderr what the chief writes to it."""
    os.mkfifo(pipe)
    file = os.open(pipe, os.O_RDWR)  # stays open while one chief ends and the next one starts
    thread = threading.Thread(target=_copy, args=(file,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.write(file, END)
        thread.join()
        os.close(file)


def _copy(file: int) -> None:
    while not (data := os.read(file, 2**16)).endswith(END):
        os.write(2, data)
    os.write(2, data.removesuffix(END))
