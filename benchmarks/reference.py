"""The reference experiments beside the tutorials' own loops: as good, and how much faster?

    python -m benchmarks.reference --json [--data DATA] [--only ID ...] [--seeds 3] [--smallest]

About 40 minutes on two cores. Those with a loop of their own begin with the same weights, and take
the same batches, in one process; seconds are of training alone, without tracing. The others run
through their stages. Writes docs/reference-results.md, and presets/measured.json for those it ran.
"""

import argparse
import json
import math
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import _measure
from benchmarks._measure import REPOSITORY
from lockstep.process.environment import prepare_environment

prepare_environment(REPOSITORY)

import keras
import numpy as np

from benchmarks import tutorials
from lockstep.config import presets
from lockstep.config.overrides import write_overridden
from lockstep.config.reading import load_params
from lockstep.config.schema import Params
from lockstep.data.spec import Examples, load_examples, read_spec
from lockstep.errors import DivergedError
from lockstep.modeling import preprocessing
from lockstep.modeling.compile import compile_for_training
from lockstep.modeling.model import make_model_with
from lockstep.storage import layout
from lockstep.training.order import order_of_epoch
from lockstep.training.trainer import Training
from tasks.__main__ import run_stage

LOOPS = {
    "mnist-cnn-tape": tutorials.tape,
    "mnist-mlp-tape": tutorials.tape,
    "mnist-naive-512": tutorials.tape,
    "fashion-mlp": tutorials.fit,
    "fashion-mlp-raw": tutorials.fit,
    "mnist-mlp-raw": tutorials.fit,
    "mnist-mlp-functional": tutorials.fit,
    "mnist-mlp-512": tutorials.fit,
    "mnist-cnn": tutorials.fit,
}
POINTS = 0.003
WARM_UP = 20  # steps
DOCUMENT, MEASURED = REPOSITORY / "docs" / "reference-results.md", REPOSITORY / presets.MEASURED


class Size(NamedTuple):
    """How many seeds each has, and the experiments by name, with what each changes further."""

    seeds: int
    experiments: dict[str, list[str]]


FULL = Size(3, {name: [] for name in presets.preset_names(REPOSITORY)})
SMALLEST = Size(
    1,
    {
        "mnist-cnn-tape": ["data.name=digits", "train.steps=20"],
        "fashion-mlp": ["data.name=digits", "train.epochs=1"],
        "linear-tape": ["train.epochs=1"],
        "linear-diverging": [],
    },
)


class Result(NamedTuple):
    """One seed's test accuracy, and seconds of training."""

    accuracy: float
    seconds: float


def main() -> None:
    """Run them, write the table, and print a JSON list or the table."""
    options = _options()
    size = SMALLEST if options.smallest else FULL
    found = []
    for name in options.only or size.experiments:
        print(name, file=sys.stderr, flush=True)
        changes = [*size.experiments.get(name, []), f"data.mirror={options.data.resolve()}"]
        with tempfile.TemporaryDirectory() as folder:
            root = _measure.clone(Path(folder) / "lockstep")
            found.append(_experiment(name, root, changes, options.seeds or size.seeds))
        _write(options, MEASURED, _remembered(found))
    if not options.only:
        _write(options, DOCUMENT, _document(found))
    print(json.dumps([_in_numbers(each) for each in found]) if options.json else _table(found))


def _options() -> argparse.Namespace:
    parser = _measure.parser(__doc__)
    _measure.add_data(parser)
    parser.add_argument("--seeds", type=int, help="how many, of those beside a loop")
    parser.add_argument("--only", nargs="+", choices=presets.preset_names(REPOSITORY))
    return parser.parse_args()


def _write(options: argparse.Namespace, path: Path, text: str) -> None:
    if not options.smallest:
        path.write_text(text, encoding="utf-8")


def _experiment(name: str, root: Path, changes: list[str], seeds: int) -> dict[str, Any]:
    if name not in LOOPS:
        return _row(name, _alone(name, root, changes))
    pairs = [_pair(name, root, changes, seed) for seed in range(seeds)]
    peers, ours = zip(*pairs, strict=True)
    accuracies = [[each.accuracy for each in side] for side in (peers, ours)]
    differences = [mine - theirs for theirs, mine in zip(*accuracies, strict=True)]
    error = statistics.stdev(differences) / len(differences) ** 0.5 if seeds > 1 else 0.0
    return _row(
        name,
        statistics.mean(accuracies[1]),
        peer=statistics.mean(accuracies[0]),
        tolerance=max(POINTS, 2 * error),
        peer_seconds=sum(each.seconds for each in peers),
        our_seconds=sum(each.seconds for each in ours),
    )


def _row(name: str, ours: float | str, **more: float) -> dict[str, Any]:
    figure = re.match(r"([\d.]+) %", presets.published(REPOSITORY, name))
    published = float(figure[1]) / 100 if figure else None
    keys = ("peer", "tolerance", "peer_seconds", "our_seconds")
    return {"id": name, "published": published, "ours": ours, **dict.fromkeys(keys), **more}


def _alone(name: str, root: Path, changes: list[str]) -> float | str:
    """Run the stages up to evaluate; return what registering would look at, or why it ended."""
    asked = _with_preset(name, root, changes, seed=0)
    try:
        for stage in ("download", "normalize", "build", "train", "evaluate"):
            run_stage(stage, root)
    except DivergedError as error:
        return f"diverged: {str(error).partition(';')[0]}"
    metrics = json.loads((root / layout.METRICS).read_text())["test"]
    value: float = metrics[asked.register.metric]
    return value


def _with_preset(name: str, root: Path, changes: list[str], seed: int) -> Params:
    """Give a clone the parameters of a preset, changed further, whatever it had before."""
    path = root / layout.PARAMS
    path.write_text((REPOSITORY / layout.PARAMS).read_text(encoding="utf-8"), encoding="utf-8")
    write_overridden(path, [*presets.assignments(root, name), f"seed={seed}", *changes])
    return load_params(root)


def _pair(name: str, root: Path, changes: list[str], seed: int) -> tuple[Result, Result]:
    asked = _with_preset(name, root, changes, seed)
    for stage in ("download", "normalize", "build"):
        run_stage(stage, root)
    return _peer(asked, root, LOOPS[name]), _ours(asked, root)


def _ours(asked: Params, root: Path) -> Result:
    training = Training(asked, root)
    loop, train = training.loop(), training.train
    loop.steps.build(train)
    kept = tutorials.values(loop.steps.variables)
    loop.fit(train, None, [], epochs=1)  # traces
    tutorials.restore(loop.steps.variables, kept)
    start = time.perf_counter()
    loop.fit(train, None, [], epochs=asked.train.epochs, steps=asked.train.steps)
    seconds = time.perf_counter() - start
    test = load_examples(root, "test")
    return Result(_accuracy(loop.predict(test)["y"], np.asarray(test.y)), seconds)


def _peer(asked: Params, root: Path, train_by: tutorials.Loop) -> Result:
    spec = read_spec(root)
    model = make_model_with(asked, spec, root / layout.INITIAL_WEIGHTS)
    compile_for_training(model, asked, spec, 1, root)
    preprocess = preprocessing.layers(spec)

    def floats(split: str) -> Examples:
        x, y, *_ = load_examples(root, split)
        one_hot = isinstance(model.loss, keras.losses.CategoricalCrossentropy)
        return Examples(
            preprocess.predict(x, verbose=0), np.eye(spec.outputs)[y] if one_hot else np.array(y)
        )

    orders = list(_orders(asked, spec.splits["train"]))
    train, test = floats("train"), floats("test")
    seconds = train_by(model, train, orders, orders[0][:WARM_UP])
    return Result(
        _accuracy(model.predict(test.x, verbose=0), load_examples(root, "test").y), seconds
    )


def _orders(asked: Params, count: int) -> Iterator[np.ndarray]:
    """The batches of each epoch, as our loop takes them."""
    train = asked.train
    per_epoch = count // train.batch_size
    total = train.steps or (train.epochs or 0) * per_epoch
    for epoch in range(math.ceil(total / per_epoch)):
        order = order_of_epoch(train.order, count, train.batch_size, asked.seed, epoch)
        yield order[: total - epoch * per_epoch]


def _accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    return float((outputs.argmax(1) == labels).mean())


def _remembered(found: list[dict[str, Any]]) -> str:
    """What `lockstep presets` shows, with what was found in the place of what was."""
    kept = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    kept |= {each["id"]: _in_words(each["ours"]) for each in found}
    return json.dumps(kept, indent=2, sort_keys=True) + "\n"


def _in_numbers(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what was said in the place of a figure."""
    return {
        key: None if key != "id" and isinstance(value, str) else value for key, value in row.items()
    }


def _in_words(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.4f}"


def _table(found: list[dict[str, Any]]) -> str:
    rows = [[_in_words(each) for each in row.values()] for row in found]
    return _measure.table(found[0], rows)


def _document(found: list[dict[str, Any]]) -> str:
    pairs = [each for each in found if each["peer_seconds"]]
    peers, ours = (sum(each[side] for each in pairs) for side in ("peer_seconds", "our_seconds"))
    return (
        "# The reference experiments\n\n"
        "`python -m benchmarks.reference --json`: test accuracies as fractions, means over seeds;\n"
        "for regression the mean absolute error. `peer` is the tutorial's own loop with the same\n"
        "first weights and batches; seconds are of training alone, all seeds, without tracing.\n"
        f"Together {peers:.0f} s and {ours:.0f} s: {ours / peers:.3f} of theirs.\n\n"
        f"{_table(found)}\n"
    )


if __name__ == "__main__":
    main()
