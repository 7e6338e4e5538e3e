"""lockstep run: one experiment through the flow, here or in a workspace of its own."""

import os
import shutil
import threading
from pathlib import Path

import httpx

from lockstep.errors import MachineError, UnavailableError
from lockstep.process import console
from lockstep.process.environment import prepare_environment
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.versioning.forecast import MAYBE, RUN, SKIP, forecast
from pipelines.servers import temporary_server
from tasks.__main__ import USE_TENSORFLOW

HEARTBEAT_SECONDS = 30  # `lockstep up` takes three that are missing for a run that was killed
SPARE_BYTES = 500_000_000  # what a run of MNIST leaves in the workspace and the cache, and more


def run(root: Path) -> None:
    """Run the flow in this process, on the Prefect server that PREFECT_API_URL names.

    Without one a temporary server is started, while TensorFlow is imported.
    """
    prepare(root)
    address = server()
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    from pipelines.experiment import experiment  # Prefect takes seconds to import

    beats = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: HEARTBEAT_SECONDS}
    with temporary_settings({PREFECT_API_URL: address, **beats}):
        try:
            experiment(root)
        except httpx.TransportError as error:
            _demand_complete(root, error)


def prepare(root: Path) -> None:
    """Check the machine, and import TensorFlow in the background if a stage will need it."""
    check_machine(root)
    prepare_environment(root)
    if any(
        each.action in (RUN, MAYBE) and each.stage in (*USE_TENSORFLOW, "register")
        for each in forecast(root)
    ):
        threading.Thread(target=load_tensorflow, daemon=True).start()


def _demand_complete(root: Path, error: httpx.TransportError) -> None:
    """Let a run be well whose server went away, if all its stages have a result nevertheless."""
    left = [each.stage for each in forecast(root) if each.action != SKIP]
    if left:
        raise UnavailableError(
            f"the Prefect server went away ({error}), and {left[0]} hasn't run; start it and run "
            "again: what is done is kept"
        ) from None
    console.say(f"the Prefect server went away ({error}); the run is complete without it")


def check_machine(root: Path) -> None:
    """Check that results can be written before anything starts; raises MachineError."""
    if not os.access(root, os.W_OK):
        raise MachineError(f"{root}: not writable, expected to write results there")
    free = shutil.disk_usage(root).free
    if free < SPARE_BYTES:
        raise MachineError(
            f"{root}: {free:,} bytes free, expected {SPARE_BYTES:,}; make room or run elsewhere"
        )


def server() -> str:
    """Return the address of Prefect's API, of a lasting server that is well or a temporary one."""
    from prefect.settings import PREFECT_API_URL

    address = PREFECT_API_URL.value()
    if not address:
        console.say(
            "waiting for Prefect's temporary server; PREFECT_API_URL would name a lasting one"
        )
        return temporary_server.start()
    try:
        httpx.get(f"{address}/health", timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        raise UnavailableError(
            f"PREFECT_API_URL: {address} doesn't answer ({error}); start it, or unset the variable"
        ) from None
    return address
