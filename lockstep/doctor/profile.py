"""What TensorFlow's profiler records of GPUs: copies of memory, and all-reduces by NCCL.

A profile is an XSpace, in a file *.xplane.pb. CUPTI's events of a GPU are in the plane
/device:GPU:N, in one line for each stream, named `Stream #13(MemcpyH2D)`. An event's type is the
name of its metadata. The statistic memcpy_details of a copy is a text: `size:3136 dest:0 async:1`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

from lockstep.process.temporary_folders import temporary_folder

GPU_PLANE = "/device:GPU:"
STREAM = "Stream #"  # other lines repeat the streams' events, grouped
TO_DEVICE, TO_HOST = "MemcpyH2D", "MemcpyD2H"
DETAILS = "memcpy_details"
SIZE = re.compile(r"\bsize:(\d+)")
# Such as ncclDevKernel_AllReduce_Sum_f32_RING_LL(...), or ncclKernel_AllReduce_... until NCCL 2.18.
ALL_REDUCE = re.compile(r"nccl\w*AllReduce", re.IGNORECASE)
PICOSECONDS = 1e-12


class Total(NamedTuple):
    """Events of one kind, summed over all GPUs."""

    events: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def minus(self, other: "Total") -> "Total":
        """Return the difference."""
        return Total(
            self.events - other.events, self.bytes - other.bytes, self.seconds - other.seconds
        )

    def each(self, steps: int) -> dict[str, float]:
        """Return the averages for one of this many steps, by name."""
        return {name: value / steps for name, value in self._asdict().items()}


class Profile(NamedTuple):
    """The totals of one profile; `gpus` is how many GPUs have recorded anything."""

    gpus: int
    to_device: Total
    to_host: Total
    all_reduces: Total  # without bytes, which NCCL doesn't report


def record(run: Callable[[], object]) -> Profile:
    """Run something under TensorFlow's profiler, and return what it recorded of GPUs."""
    with temporary_folder() as folder:
        tf.profiler.experimental.start(str(folder))
        try:
            run()
        finally:
            tf.profiler.experimental.stop()
        (file,) = folder.rglob("*.xplane.pb")
        return read(file)


def read(file: Path) -> Profile:
    """Return the totals of a file *.xplane.pb."""
    planes = [each for each in XSpace.FromString(file.read_bytes()).planes if _is_used_gpu(each)]
    events = [each for plane in planes for each in _events(plane)]
    return Profile(
        len(planes),
        _total(each for name, each in events if name == TO_DEVICE),
        _total(each for name, each in events if name == TO_HOST),
        _total(each for name, each in events if ALL_REDUCE.search(name)),
    )


def _is_used_gpu(plane: Any) -> bool:
    return plane.name.startswith(GPU_PLANE) and any(line.events for line in plane.lines)


def _events(plane: Any) -> Iterator[tuple[str, Total]]:
    """Yield each event of a plane's streams, by name."""
    for line in plane.lines:
        if line.name.startswith(STREAM):
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                yield name, Total(1, _bytes(plane, event), event.duration_ps * PICOSECONDS)


def _bytes(plane: Any, event: Any) -> int:
    """The bytes of a copy; 0 for other events."""
    for stat in event.stats:
        if plane.stat_metadata[stat.metadata_id].name == DETAILS:
            # Older profiles have the text itself, newer ones the number of a name that is the text.
            text = stat.str_value or plane.stat_metadata[stat.ref_value].name
            found = SIZE.search(text)
            return int(found[1]) if found else 0
    return 0


def _total(events: Iterator[Total]) -> Total:
    return Total(*map(sum, zip(*events, strict=True)))
