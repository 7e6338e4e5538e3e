"""lockstep doctor: whether this checkout, its devices and the shared stores work; mend it."""

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

HELP = "say what GPUs need here, whether the stores work and the checkout is whole; mend it"
CPU_REPLICAS = 2  # at most


def add_arguments(parser: ArgumentParser) -> None:
    """Add --fix, --remote, --device and --json."""
    parser.add_argument("--fix", action="store_true", help="mend what is wrong in the checkout")
    parser.add_argument(
        "--remote", action="store_true", help="also read all files of DVC's default remote"
    )
    parser.add_argument(
        "--device",
        choices=device_choice.KINDS,
        help="train a moment on these; default: on GPUs, if there are any",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print what is wrong in the checkout, what GPUs need, and what a short training measures.

    Raises MachineError if there is no GPU for --device gpu, or TensorFlow doesn't see those found,
    and at the end, if something in the checkout is wrong still.
    """
    prepare_environment(root)
    if arguments.device:
        device_choice.choose(arguments.device)
    checkout, wrong = _checkout(root, arguments)
    # The filter drops the lines that TensorFlow prints when it finds GPUs, too.
    with without_lines(START_UP):
        load_tensorflow()
        findings = _findings(shown=not arguments.json)
        stores = _stores(root, shown=not arguments.json)
        measured = _measure() if devices.gpus() or arguments.device else None
        _show(checkout, findings, stores, measured, as_json=arguments.json)
    if wrong:
        raise MachineError(f"{root}: {wrong}")


def _checkout(root: Path, arguments: Namespace) -> tuple[list[str], str]:
    """Examine the checkout, and mend it with --fix; return the lines on it, and what is wrong."""
    from pipelines.repairs.examination import examine, mend  # imports DVC and MLflow

    found, unseen = examine(root, remote=arguments.remote)
    lines = [*map(str, found), *(f"not looked at: {each}" for each in unseen)]
    if not arguments.json:
        _shown(lines or ["checkout: nothing to mend"])
    if not found:
        return lines, ""
    if not arguments.fix:
        return lines, f"{len(found)} to mend, expected none: `lockstep doctor --fix` mends them"
    failed = mend(found)
    return [*lines, *failed], "; ".join(failed)


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
    checkout: list[str],
    findings: list[str],
    stores: list[str],
    measured: "Measured | None",
    *,
    as_json: bool,
) -> None:
    from lockstep.doctor import report

    if as_json:
        found = {"checkout": checkout, "findings": findings, "stores": stores}
        print(json.dumps(found | {"measured": report.as_dict(measured)}, indent=2))
    elif measured:
        print("\n".join(report.lines(measured)))
