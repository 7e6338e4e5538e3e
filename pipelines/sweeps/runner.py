"""Start a sweep: make its slots and the data, find its record, and run it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from lockstep.config import presets
from lockstep.config.reading import load_params
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import UnavailableError
from lockstep.process import console
from lockstep.runtime import devices
from lockstep.storage import layout
from lockstep.versioning.hashes import ExperimentInputs, experiment_inputs
from lockstep.versioning.remotes import require_package
from pipelines import local
from pipelines.sweeps import objective, record, results
from pipelines.sweeps.definition import Sweep
from pipelines.sweeps.messages import Answer, Request
from pipelines.sweeps.record import Record, Trial
from pipelines.sweeps.running import RunAll, RunningSweep, raise_if_failed
from pipelines.sweeps.slots import Slots

PREPARED = "normalize"


def in_threads(parallel: int) -> RunAll:
    """Return a function that calls another for each trial of a batch, so many at once."""

    def run(one: Callable[[Trial], Trial], trials: Sequence[Trial]) -> Sequence[Trial]:
        pool = ThreadPoolExecutor(parallel, thread_name_prefix="trial")
        try:
            return list(pool.map(one, trials))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    return run


def run(root: Path, sweep: Sweep, run_all: RunAll | None = None) -> results.Results:
    """Run the trials that have not ended yet, register the best, and return what was found.

    An interrupted sweep goes on. The checkout isn't changed. `run_all` runs the trials of a batch.
    """
    require_package(root)
    local.check_machine(root)
    sweep = _with_one_gpu(sweep)
    of_preset = presets.with_overrides(root, sweep.preset, [])
    given = [*of_preset, *sweep.fixed]
    log = record.folder_of(root) / "slot"
    with Slots(root, given, sweep.preset, log, sweep.parallel) as slots:
        slots.make()
        workspace = slots.all[0].workspace
        raise_if_failed(_prepare(slots, given))
        found = objective.of(sweep, load_params(workspace), workspace)
        inputs = _inputs_of(slots)
        kept = Record(root, sweep.identity(inputs.key), sweep.name)
        with record.held(kept.path):
            params = read_yaml(workspace / layout.PARAMS)
            running = RunningSweep(root, sweep, slots, found, params, kept, of_preset, inputs.files)
            return running.run(run_all or in_threads(sweep.parallel))


def _with_one_gpu(sweep: Sweep) -> Sweep:
    """Return the sweep with a replica for each trial, where each has one of several GPUs."""
    if sweep.parallel == 1 or not devices.gpus():
        return sweep
    if any(each.startswith("train.replicas=") for each in sweep.fixed):
        return sweep
    console.say("each trial has one GPU: train.replicas=1")
    return replace(sweep, fixed=(*sweep.fixed, "train.replicas=1"))


def _prepare(slots: Slots, given: Sequence[str]) -> Answer:
    """Normalize the data in one slot, so that the others restore them from DVC's cache."""
    console.say("data: download and normalize, unless they are in the cache")
    request = Request(tuple(given), ("",), PREPARED, saved=False)
    with slots.one() as slot:
        return slot.run(request, lambda history: 0)


def _inputs_of(slots: Slots) -> ExperimentInputs:
    """Return the experiment's inputs; raises UnavailableError if the slots have different ones."""
    first, *others = (experiment_inputs(each.workspace) for each in slots.all)
    if any(each != first for each in others):
        raise UnavailableError("files changed while the sweep started; run it again")
    return first
