"""The trainer's speed against Keras's `fit`, an eager tape loop and the bare computation.

    python -m benchmarks.trainer --json [--device gpu] [--data ../shared/data] [--repeats 5]

About 10 minutes on two cores: MNIST, all peers alternately in one process, after one untimed round
that traces. Ratios are of examples per second in the fastest repeat. Writes its table into
docs/performance.md; with `--device gpu`, which no one has run yet, it only prints it, and measures
two replicas on two GPUs. The goals are those of a CPU.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks import _measure
from benchmarks._measure import Seconds
from lockstep.process.environment import prepare_environment

prepare_environment(_measure.REPOSITORY)
if __name__ == "__main__":
    _measure.choose_device("benchmarks.trainer")

import numpy as np

from benchmarks import images, loops, recorded
from lockstep.data.spec import Examples
from lockstep.runtime import devices
from lockstep.runtime.strategy import start_runtime


class Work(NamedTuple):
    """What one repeat trains: some epochs; the slow tape loop one epoch of `few` examples."""

    model: str
    batch_size: int
    epochs: int
    examples: int
    few: int


class Size(NamedTuple):
    """How much is measured; `random_images`, if not 0, replace MNIST's."""

    work: dict[str, Work]
    on_replicas: int  # examples
    recorded: str  # a data set
    random_images: int
    repeats: int


FULL = Size(
    {
        "dense_b50": Work("mlp", 50, 5, 60_000, 5_000),
        "cnn_b32": Work("cnn", 32, 2, 6_400, 1_600),
        "cnn_b128": Work("cnn", 128, 2, 12_800, 2_560),
    },
    on_replicas=12_800,
    recorded="mnist",
    random_images=0,
    repeats=5,
)
SMALLEST = Size(
    {
        "dense_b50": Work("mlp", 50, 1, 100, 50),
        "cnn_b32": Work("cnn", 32, 1, 64, 32),
    },
    on_replicas=128,
    recorded="digits",
    random_images=128,
    repeats=1,
)
PEERS = {"vs_fit": "fit", "vs_fit_spe32": "fit32", "vs_tape": "tape", "of_limit": "bare"}
GOALS = {
    "dense_b50": {"vs_fit": 10, "vs_fit_spe32": 5, "vs_tape": 60},
    "cnn_b32": {"vs_fit": 1.4, "vs_fit_spe32": 1.15},
    "cnn_b128": {"vs_fit": 1.2, "vs_fit_spe32": 1.0},
    "overhead": 0.97,
    "last_batch": 0.99,
    "replicas_2": 0.9,
    "evaluate": 1.5,
}
Speeds = dict[str, Seconds]


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    options = _measure.options(__doc__, device=True)
    size = SMALLEST if options.smallest else FULL
    size = size._replace(repeats=options.repeats or size.repeats)
    start_runtime(0)
    train, test = images.splits(options.data, size.random_images)
    found: dict[str, object] = {}
    rows: list[list[object]] = []
    for name, work in size.work.items():
        taken = speeds(work, train, size.repeats)
        found[name] = {ratio: round(times(taken, peer), 3) for ratio, peer in PEERS.items()}
        rows += [[name, *row] for row in described(taken, work.epochs * work.examples)]
    with tempfile.TemporaryDirectory() as folder:
        found |= others(train, test, size, Path(folder), options.data)
    publish = options.device == "cpu"
    _measure.show(options, "trainer", found, tables(found, rows), publish=publish)


def speeds(work: Work, train: Examples, repeats: int) -> Speeds:
    """Return the seconds each loop takes for all epochs; the tape's extrapolated from `few`."""
    model, batch_size, epochs, count, few = work
    some = train.at(np.arange(count))
    taken = _measure.in_turn(
        repeats,
        {
            "ours": loops.ours(model, some, batch_size, epochs),
            "fit": loops.fit(model, some, batch_size, epochs),
            "fit32": loops.fit(model, some, batch_size, epochs, steps_per_execution=32),
            "bare": loops.bare(model, some, batch_size, epochs),
            "tape": loops.tape(model, train.at(np.arange(few)), batch_size),
        },
    )
    share = epochs * count / few
    return taken | {"tape": Seconds(*(each * share for each in taken["tape"]))}


def times(taken: Speeds, peer: str) -> float:
    """Return how many times as fast as a peer Lockstep is."""
    return taken[peer].minimum / taken["ours"].minimum


def others(
    train: Examples, test: Examples, size: Size, folder: Path, data: Path
) -> dict[str, float]:
    """Return the ratios for recording, for two replicas if there are two devices, and evaluation.

    Two replicas on CPUs share the cores with which one is compared.
    """
    some = train.at(np.arange(size.on_replicas - 1))  # its last batch lacks an example
    last = _measure.in_turn(
        size.repeats,
        {
            "ours": loops.ours("cnn", some, 100, 3),
            "drop": loops.ours("cnn", some, 100, 3, last_batch="drop"),
        },
    )
    replicas = two_replicas(train.at(np.arange(size.on_replicas)), size.repeats)
    loop, keras_model, x = loops.lockstep("cnn", 32), loops.model("cnn"), loops.pixels(test.x)
    tested = _measure.in_turn(
        size.repeats,
        {
            "ours": lambda: loop.evaluate(test),
            "keras": lambda: keras_model.evaluate(x, test.y, verbose=0),
        },
    )
    with recorded.training(folder, data, size.recorded) as (plain, whole):
        kept = _measure.in_turn(size.repeats, {"ours": whole, "plain": plain})
    return {
        "overhead": round(times(kept, "plain"), 3),
        # For each example: with drop, an epoch has one batch less.
        "last_batch": round(times(last, "drop") * some.size / (some.size // 100 * 100), 3),
        **replicas,
        "evaluate": round(times(tested, "keras"), 3),
    }


def two_replicas(part: Examples, repeats: int) -> dict[str, float]:
    """Return the ratio of two replicas to one, or nothing on a machine with one device."""
    if len(devices.names()) < 2:
        return {}
    batch_size, epochs = 128, 3
    taken = _measure.in_turn(
        repeats,
        {
            "ours": loops.ours("cnn", part, batch_size, epochs, replicas=2),
            "1": loops.ours("cnn", part, batch_size, epochs),
        },
    )
    return {"replicas_2": round(times(taken, "1"), 3)}


def described(taken: Speeds, count: int) -> list[list[object]]:
    """Return a row for each loop: examples per second, fastest and median."""
    names = {
        "ours": "Lockstep", "fit": "`fit`", "fit32": "`fit`, steps_per_execution=32",
        "tape": "eager tape", "bare": "bare compute",
    }  # fmt: skip
    return [
        [names[peer], f"{count / seconds.minimum:,.0f}", f"{count / seconds.median:,.0f}"]
        for peer, seconds in taken.items()
    ]


def tables(found: dict[str, object], rows: list[list[object]]) -> str:
    """Return the tables of speeds, and of ratios with their goals."""
    speeds = _measure.table(["work", "loop", "examples/s, fastest", "median"], rows)
    flat = [
        (f"{name} {ratio}".strip(), value, goal(name, ratio))
        for name, each in found.items()
        for ratio, value in (each.items() if isinstance(each, dict) else [("", each)])
    ]
    return f"{speeds}\n\n{_measure.table(['ratio', 'figure', 'goal'], flat)}"


def goal(name: str, ratio: str) -> object:
    """Return the least value that a ratio should have."""
    wanted = GOALS[name]
    if not isinstance(wanted, dict):
        return wanted
    return "0.95 if another goal is missed" if ratio == "of_limit" else wanted.get(ratio, "")


if __name__ == "__main__":
    main()
