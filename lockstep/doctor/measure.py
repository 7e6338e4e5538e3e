"""Train a moment, and measure what a user of this machine's devices wants to know."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from lockstep.doctor import memory, placement, profile, speed, traced
from lockstep.doctor.memory import Estimate
from lockstep.doctor.placement import Placement
from lockstep.doctor.probe import LARGEST, Probe, Size, small_cnn
from lockstep.doctor.profile import Profile
from lockstep.doctor.traced import Traced


class Copies(NamedTuple):
    """What all GPUs together copied and reduced in one step: events, bytes, seconds."""

    gpus: int  # how many recorded anything
    to_device: dict[str, float]
    to_host: dict[str, float]
    all_reduces: dict[str, float]


class Speed(NamedTuple):
    """Steps of the same global batch in a second."""

    replicas: float
    one_replica: float
    bare: float  # on one device


class Measured(NamedTuple):
    """All measurements of a training on one kind of device."""

    kind: str  # CPU or GPU
    replicas: int
    batch_size: int  # global
    placement: Placement
    copies: Copies
    traced: Traced
    speed: Speed
    peak_bytes: int | None  # None without a GPU
    estimate: Estimate
    same_bits: bool


def measure(kind: str, replicas: int, size: Size) -> Measured:
    """Train on this many devices of a kind, and return what was measured.

    A GPU's peak of memory is that of this process so far, so this should be its first training.
    """
    batch_size = size.batch_size * replicas
    probe = Probe(replicas, batch_size, size)
    placed = placement.placement(placement.executed_graphs(lambda: probe.train(size.steps)))
    peak, digest = memory.peak_bytes(f"{kind}:0"), probe.digest()
    sizes = traced.read(probe.graph(), replicas)
    return Measured(
        kind, replicas, batch_size, placed,
        copies=_copies(probe, size.steps),
        traced=sizes,
        speed=_speed(probe, size),
        peak_bytes=peak,
        estimate=memory.estimate(probe, sizes.activation_bytes),
        same_bits=_digest(replicas, batch_size, size) == digest,
    )  # fmt: skip


def per_step(more: Profile, less: Profile, steps: int) -> Copies:
    """Return the averages of what `more` has and `less` hasn't, which is of this many steps."""
    pairs = zip(more[1:], less[1:], strict=True)
    return Copies(more.gpus, *(one.minus(other).each(steps) for one, other in pairs))


def _copies(probe: Probe, steps: int) -> Copies:
    """Compare two graph calls, since each has copies of its own before and after the loop."""
    few = steps // 2
    more, less = (profile.record(partial(probe.train, count)) for count in (steps, few))
    return per_step(more, less, steps - few)


def _speed(probe: Probe, size: Size) -> Speed:
    alone = probe if probe.replicas == 1 else Probe(1, probe.batch_size, size)
    trains = (probe.train, alone.train, _bare(probe))
    runs = [partial(train, size.steps) for train in trains]
    return Speed(*(size.steps / taken for taken in speed.fastest_in_turn(size.repeats, runs)))


def _bare(probe: Probe) -> Callable[[int], None]:
    batch = probe.examples.at(np.arange(probe.batch_size))
    x = tf.constant(np.asarray(batch.x, np.float32) / LARGEST)
    return speed.bare_steps(small_cnn(), x, tf.constant(batch.y))


def _digest(replicas: int, batch_size: int, size: Size) -> str:
    """The digest of the weights after the same training again."""
    again = Probe(replicas, batch_size, size)
    again.train(size.steps)
    return again.digest()
