"""lockstep doctor: whether training on this machine's devices and the shared stores work."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from lockstep.doctor import device_choice
from lockstep.errors import MachineError
from lockstep.process.environment import prepare_environment
from lockstep.process.quiet import without_lines
from lockstep.runtime import devices
from lockstep.runtime.tensorflow_import import START_UP, load_tensorflow

if TYPE_CHECKING:
    from lockstep.doctor.measure import Measured

HELP = "say what GPUs need here, and whether the shared stores work; measure a GPU, if any"
CPU_REPLICAS = 2  # at most


def add_arguments(parser: ArgumentParser) -> None:
    """Add --device and --json."""
    parser.add_argument(
        "--device",
        choices=device_choice.KINDS,
        help="train a moment on these; default: on GPUs, if there are any",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print what GPUs need, a line on each shared store, and what a short training measures.

    Raises MachineError if there is no GPU for --device gpu, or TensorFlow doesn't see those found.
    """
    prepare_environment(root)
    if arguments.device:
        device_choice.choose(arguments.device)
    # The filter drops the lines that TensorFlow prints when it finds GPUs, too.
    with without_lines(START_UP):
        load_tensorflow()
        findings = _findings(shown=not arguments.json)
        stores = _stores(root, shown=not arguments.json)
        measured = _measure() if devices.gpus() or arguments.device else None
        _show(findings, stores, measured, as_json=arguments.json)


def _findings(*, shown: bool) -> list[str]:
    from lockstep.doctor import findings

    return _shown(findings.find()) if shown else findings.find()


def _stores(root: Path, *, shown: bool) -> list[str]:
    from lockstep.doctor import stores
    from pipelines.servers import prefect_reachable

    found = stores.lines(root, [prefect_reachable.line])
    return _shown(found) if shown else found


def _shown(lines: list[str]) -> list[str]:
    for line in lines:
        print(line, flush=True)
    return lines


def _measure() -> "Measured":
    import tensorflow as tf

    from lockstep.doctor.measure import measure
    from lockstep.doctor.probe import SIZES

    kind, names = devices.kind(), devices.names()
    seen = tf.config.list_physical_devices(kind)
    if not seen:
        raise MachineError(
            f"TensorFlow sees no {kind}, expected {', '.join(names)}; install what the lines on "
            "the driver and CUDA name"
        )
    replicas = len(seen) if kind == "GPU" else min(len(names), CPU_REPLICAS)
    return measure(kind, replicas, SIZES[kind])


def _show(
    findings: list[str], stores: list[str], measured: "Measured | None", *, as_json: bool
) -> None:
    from lockstep.doctor import report

    if as_json:
        found = {"findings": findings, "stores": stores, "measured": report.as_dict(measured)}
        print(json.dumps(found, indent=2))
    elif measured:
        print("\n".join(report.lines(measured)))
