"""A profile of GPUs, as TensorFlow's profiler writes one: composed, not recorded on a GPU.

Its names and its layout are those of the published format: the messages of xplane.proto, and what
XLA's collector of CUPTI events puts into them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

MICROSECOND = 1_000_000  # picoseconds


class Event(NamedTuple):
    """What one stream of a GPU did: `name` is a kernel's or the kind of a copy of `bytes`."""

    stream: str
    name: str
    microseconds: int
    bytes: int = 0


def write_profile(
    file: Path, gpus: Sequence[Sequence[Event]], *, text_by_number: bool = True
) -> Path:
    """Write a profile with a plane for the host and one for each GPU.

    A statistic's text lies in a table, by number, or with older profilers in the event itself.
    """
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    space = XSpace()
    space.planes.add(name="/host:CPU").lines.add(name="python")
    for number, events in enumerate(gpus):
        plane = space.planes.add(name=f"/device:GPU:{number}")
        for event in events:
            _add(plane, event, text_by_number)
        _add_grouped(plane)
    file.write_bytes(space.SerializeToString())
    return file


def _add(plane: Any, event: Event, text_by_number: bool) -> None:
    line = next((each for each in plane.lines if each.name == event.stream), None)
    line = line or plane.lines.add(id=len(plane.lines), name=event.stream)
    made = line.events.add(
        metadata_id=_number(plane.event_metadata, event.name),
        duration_ps=event.microseconds * MICROSECOND,
    )
    made.stats.add(metadata_id=_number(plane.stat_metadata, "correlation_id"), uint64_value=7)
    if event.bytes:
        text = f"kind_src:pageable kind_dst:device size:{event.bytes} dest:0 async:1"
        stat = made.stats.add(metadata_id=_number(plane.stat_metadata, "memcpy_details"))
        if text_by_number:
            stat.ref_value = _number(plane.stat_metadata, text)
        else:
            stat.str_value = text


def _add_grouped(plane: Any) -> None:
    """Add the line of operations, which repeats the streams' events."""
    events = [each for line in plane.lines for each in line.events]
    plane.lines.add(id=99, name="Framework Ops").events.extend(events)


def _number(table: Any, name: str) -> int:
    """Return a name's number in a table, and add it if it is new; the numbers begin at 1."""
    for number, entry in table.items():
        if entry.name == name:
            return int(number)
    table[len(table) + 1].name = name
    table[len(table)].id = len(table)
    return len(table)
