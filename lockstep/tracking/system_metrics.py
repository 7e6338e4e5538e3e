"""MLflow's system metrics while a stage runs: CPU, memory, disk, network, and GPUs if any."""

import time
from collections.abc import Callable, Iterator
from threading import Event, Thread

from mlflow.entities import Metric, Run
from mlflow.environment_variables import (
    MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING,
    MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL,
)
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor
from mlflow.system_metrics.metrics.rocm_monitor import ROCMMonitor

from lockstep.process import console

SECONDS = 10.0  # MLflow's default
STOPPING_SECONDS = 1.0
PREFIX = "system/"  # the page "System metrics" of a run shows these


class SystemMetrics:
    """Samples of the machine, taken in a thread that never waits for the server.

    MLflow's SystemMetricsMonitor asks the server for the run's status after each sample: it ends
    with the first failure, and its `finish` waits as long as a hanging server lets it.
    """

    def __init__(self, run: Run, taken: Callable[[], object]) -> None:
        """Start to sample for a run; `taken` is called in the thread after each sample."""
        steps = [each.step for each in run.data._metric_objs if each.key.startswith(PREFIX)]
        self._next = max(steps, default=-1) + 1
        self._samples: list[list[Metric]] = []
        self._taken, self._stopped = taken, Event()
        self._thread = Thread(target=self._sample, daemon=True, name="system metrics")
        self._thread.start()

    def stop(self) -> None:
        """Take the last sample; `taken` is called no more."""
        self._stopped.set()
        self._thread.join(STOPPING_SECONDS)

    def send(self, log: Callable[[list[Metric]], object]) -> None:
        """Log the new samples, each a step; where it fails, the next call logs them too."""
        samples = list(self._samples)
        log([metric for sample in samples for metric in sample])
        del self._samples[: len(samples)]

    def _sample(self) -> None:
        try:
            self._sample_until_stopped(list(_monitors()))
        except Exception as error:  # what a machine doesn't let psutil read
            console.say(f"mlflow: no more system metrics: {error!r}")

    def _sample_until_stopped(self, monitors: list[BaseMetricsMonitor]) -> None:
        _values(monitors)  # a first reading, as CPU use is counted from one to the next
        seconds = MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL.get() or SECONDS
        while not self._stopped.wait(seconds):
            self._take(monitors)
            self._taken()
        self._take(monitors)

    def _take(self, monitors: list[BaseMetricsMonitor]) -> None:
        now, step = int(time.time() * 1000), self._next
        found = _values(monitors).items()
        self._samples.append([Metric(PREFIX + name, value, now, step) for name, value in found])
        self._next += 1


def is_wanted() -> bool:
    """Return whether system metrics are on, as they are unless MLflow's variable says false."""
    switch = MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING
    return bool(switch.get()) if switch.is_set() else True


def _monitors() -> Iterator[BaseMetricsMonitor]:
    yield from (CPUMonitor(), DiskMonitor(), NetworkMonitor())
    for kind in (GPUMonitor, ROCMMonitor):
        try:
            yield kind()
        except (ImportError, RuntimeError):  # no such GPU, or no driver
            continue


def _values(monitors: list[BaseMetricsMonitor]) -> dict[str, float]:
    values: dict[str, float] = {}
    for monitor in monitors:
        monitor.collect_metrics()
        values |= monitor.aggregate_metrics()
        monitor.clear_metrics()
    return values
