"""Run the flow of one experiment in this process."""

import os
import shutil
import threading
from pathlib import Path

import httpx

from lockstep.config.reading import load_params
from lockstep.config.schema import Params
from lockstep.errors import LockstepError, MachineError, UnavailableError
from lockstep.process import console
from lockstep.process.environment import prepare_environment
from lockstep.process.runner import announce_runner
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.storage.disk import check_writable, existing
from lockstep.tracking.recorder import send_again
from lockstep.tracking.run_names import run_name
from lockstep.tracking.unsent import is_unsent
from lockstep.versioning.forecast import MAYBE, RUN, SKIP, Forecast, forecast
from lockstep.versioning.repository import cache_of
from pipelines import checkout_lock, lost_versions
from pipelines.servers import temporary_server
from tasks.__main__ import USE_TENSORFLOW

HEARTBEAT_SECONDS = 30
SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS  # after which a run is marked as crashed
SPARE_BYTES = 500_000_000  # more than a run of MNIST writes to the workspace and the cache


def run(root: Path) -> None:
    """Run the flow in this process, on the Prefect server that PREFECT_API_URL names.

    If it isn't set, a temporary server is started while TensorFlow is imported. No server is
    needed if all stages are up to date, and MLflow has all results and the registered version.
    """
    unsent, stages = is_unsent(root), forecast(root)
    if all(each.action == SKIP for each in stages):
        if not unsent and not configured_server() and not lost_versions.is_lost(root):
            console.say("all stages are up to date: nothing to do")
            return
    else:
        check_with_data(load_params(root), root, stages)
    check_machine(root)
    with checkout_lock.held(root):
        prepare(root)
        address = server()  # first: it takes as long to start as all imports here
        import_ahead(root)
        _run_flow(root, address)
    if unsent and is_unsent(root):  # a stage may have sent it
        send_again(load_params(root), root)


def configured_server() -> str | None:
    """Return the API URL of the Prefect server in the user's settings, or None."""
    from prefect.settings import PREFECT_API_URL

    address: str | None = PREFECT_API_URL.value()
    return address


def check_with_data(params: Params, root: Path, stages: list[Forecast]) -> None:
    """Check parameters against spec.json, if the stages that make it are up to date.

    Otherwise the stages check them, which takes a workspace and a Prefect server. Raises
    ParamsError.
    """
    made = [each for each in stages if each.stage in ("download", "normalize")]
    if made and all(each.action == SKIP for each in made):
        from lockstep.evaluation.gate import check_before_training  # imports NumPy

        check_before_training(params, root)


def _run_flow(root: Path, address: str) -> None:
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    from pipelines.experiment import error_in, experiment  # Prefect takes seconds to import
    from pipelines.reporting import failures_in_one_line

    temporary_server.wait()
    heartbeats = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: HEARTBEAT_SECONDS}
    with temporary_settings({PREFECT_API_URL: address, **heartbeats}):
        try:
            with failures_in_one_line():
                name = run_name(load_params(root), root)
                # Of a text Prefect would replace what stands between braces.
                named = experiment.with_options(flow_run_name=lambda: name)
                state = named(root, return_state=True)
        except httpx.TransportError as error:
            _check_complete(root, error)
            return
    failure = error_in(state)
    if failure:
        raise failure
    if not state.is_completed():
        raise LockstepError(f"the flow ended as {state.name}, expected Completed: {state.message}")


def prepare(root: Path) -> None:
    """Prepare this process to run stages."""
    announce_runner()
    prepare_environment(root)


def import_ahead(root: Path) -> None:
    """Import TensorFlow in the background if a stage will need it."""
    if any(
        each.action in (RUN, MAYBE) and each.stage in (*USE_TENSORFLOW, "register")
        for each in forecast(root)
    ):
        # No daemon: a process that ends in the middle of the import is aborted by TensorFlow.
        threading.Thread(target=load_tensorflow).start()


def _check_complete(root: Path, error: httpx.TransportError) -> None:
    """Accept that the Prefect server went away if all stages are up to date, else raise."""
    left = [each.stage for each in forecast(root) if each.action != SKIP]
    if left:
        raise UnavailableError(
            f"the Prefect server went away ({error}), and {left[0]} hasn't run; start the "
            "server and run again: finished stages are kept"
        ) from None
    console.say(f"the Prefect server went away ({error}); the run is complete without it")


def check_machine(root: Path) -> None:
    """Raise MachineError if a folder that a run writes to isn't writable, or has too little space.

    Each disk is checked: results, DVC's cache and the main checkout may be on different ones.
    """
    main = main_checkout(root)
    kept = [main / each for each in (layout.PRIVATE, layout.LOGS, layout.TRACKING_ARTIFACTS)]
    results = [root / each for each in (layout.RAW, layout.WEIGHTS, layout.REPORT)]
    written = [root, *results, root / ".dvc" / "tmp", cache_of(root), *kept]
    if "MLFLOW_TRACKING_URI" not in os.environ:
        written.append(main / layout.TRACKING_DATABASE)
    check_writable(written)
    for path in written:
        free = shutil.disk_usage(existing(path)).free
        if free < SPARE_BYTES:
            raise MachineError(
                f"{path}: {free:,} bytes free, expected {SPARE_BYTES:,}; make room or run elsewhere"
            )


def server() -> str:
    """Return the API URL of the configured Prefect server, or of a temporary one that starts.

    Raises UnavailableError if the configured server doesn't answer.
    """
    address = configured_server()
    if not address:
        console.say(
            "starting a temporary Prefect server; set PREFECT_API_URL to use a permanent one"
        )
        return temporary_server.start()
    try:
        httpx.get(f"{address}/health", timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        raise UnavailableError(
            f"PREFECT_API_URL: {address} doesn't answer ({error}); start it, or unset the variable"
        ) from None
    return address
