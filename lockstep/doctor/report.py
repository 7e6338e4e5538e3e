"""The lines that `lockstep doctor` prints of a training on this machine's devices."""

from collections.abc import Iterator, Mapping
from typing import Any

from lockstep.doctor.measure import Measured, Speed
from lockstep.doctor.memory import Estimate


def lines(found: Measured) -> list[str]:
    """Return one line, or a short table, for each measurement."""
    return [
        f"trained a small CNN on {found.replicas} {found.kind} "
        f"device{'s' if found.replicas > 1 else ''}, batches of {found.batch_size} random images:",
        *_placement(found),
        _copies(found),
        _speed(found.speed),
        _memory(found.peak_bytes, found.estimate),
        *([_all_reduces(found), _speed_up(found)] if found.replicas > 1 else []),
        f"two runs from the same seed: {'the same' if found.same_bits else 'DIFFERENT'} bits",
    ]


def as_dict(found: Any) -> Any:
    """Return measurements, or a part of them, as dicts that JSON can hold."""
    if hasattr(found, "_asdict"):
        return {name: as_dict(each) for name, each in found._asdict().items()}
    return found


def _placement(found: Measured) -> Iterator[str]:
    yield "operations of the loop's body, by device:"
    for device, operations in found.placement.operations.items():
        yield f"  {device:7} {sum(operations.values()):4}: {_most_frequent(operations)}"
    for way, number in found.placement.sent.items():
        yield f"  values sent from {way} in a step: {number}"
    if found.kind == "GPU":
        on_cpu = found.placement.on_host()
        yield f"  on the CPU though the replicas are GPUs: {_all(on_cpu) or 'none'}"


def _copies(found: Measured) -> str:
    what, copies = "copied between host and device in a step", found.copies
    if not copies.gpus:
        return f"{what}: {_no_profile(found.kind)}"
    ways = (("to the device", copies.to_device), ("to the host", copies.to_host))
    parts = (
        f"{total['bytes']:,.0f} bytes {way} in {total['events']:,.1f} copies" for way, total in ways
    )
    return f"{what}, on all GPUs: {', '.join(parts)}"


def _speed(speed: Speed) -> str:
    share = speed.one_replica / speed.bare
    return (
        f"speed on one device: {speed.one_replica:,.1f} steps/s, {share:.0%} of the bare "
        f"computation's {speed.bare:,.1f}"
    )


def _memory(peak: int | None, estimate: Estimate) -> str:
    parts = ", ".join(f"{name} {_size(value)}" for name, value in estimate._asdict().items())
    used = "TensorFlow counts it on GPUs only" if peak is None else _size(peak)
    return f"memory used on a device: {used}; estimate {_size(sum(estimate))}: {parts}"


def _all_reduces(found: Measured) -> str:
    traced, copies = found.traced, found.copies
    took = _no_profile(found.kind)
    if copies.gpus:
        took = f"{copies.all_reduces['seconds'] / copies.gpus * 1e6:,.0f} microseconds on each GPU"
    return (
        f"all-reduces in a step: {traced.all_reduces}, of {_size(traced.all_reduce_bytes)} in all; "
        f"their time: {took}"
    )


def _no_profile(kind: str) -> str:
    return (
        "needs a GPU" if kind == "CPU" else "unknown, as the profile has no GPU (is CUPTI there?)"
    )


def _speed_up(found: Measured) -> str:
    speed, kind = found.speed, found.kind
    times = speed.replicas / speed.one_replica
    return (
        f"speed-up over one {kind} device with the same batches: {times:.2f} times, "
        f"{speed.replicas:,.1f} steps/s"
    )


def _most_frequent(operations: Mapping[str, int], shown: int = 6) -> str:
    most = sorted(operations, key=lambda each: (-operations[each], each))
    more = f" and {len(most) - shown} other types" if len(most) > shown else ""
    return _all({name: operations[name] for name in most[:shown]}) + more


def _all(operations: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in operations.items())


def _size(count: int) -> str:
    return f"{count / 2**20:.2f} MiB" if count >= 2**14 else f"{count:,} bytes"
