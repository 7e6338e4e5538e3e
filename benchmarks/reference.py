"""The presets against the tutorials' training loops: accuracy and speed.

    python -m benchmarks.reference --json [--data DATA] [--only ID ...] [--seeds 3] [--smallest]

About 40 minutes on two cores. A preset with a tutorial's loop is trained by both in one process,
from the same initial weights on the same batches; seconds are of training only, without tracing.
The other presets run their stages. Writes docs/reference-results.md, and the presets' results to
presets/measured.json.
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
from lockstep.training.order import batches_of_epoch, steps_per_epoch
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
TOLERANCE = 0.003  # least tolerated difference in accuracy
WARM_UP = 20  # steps
DOCUMENT, MEASURED = REPOSITORY / "docs" / "reference-results.md", REPOSITORY / presets.MEASURED


class Size(NamedTuple):
    """The number of seeds per experiment, and further overrides by the experiment's name."""

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
    """The test accuracy and seconds of one training."""

    accuracy: float
    seconds: float


def main() -> None:
    """Run the experiments, write the table, and print a JSON list or the table."""
    options = _options()
    size = SMALLEST if options.smallest else FULL
    found = []
    for name in options.only or size.experiments:
        print(name, file=sys.stderr, flush=True)
        changes = [*size.experiments.get(name, []), f"data.mirror={options.data.resolve()}"]
        with tempfile.TemporaryDirectory() as folder:
            root = _measure.clone(Path(folder) / "lockstep")
            found.append(_experiment(name, root, changes, options.seeds or size.seeds))
        _write(options, MEASURED, _update_measured(found))
    if not options.only:
        _write(options, DOCUMENT, _document(found))
    print(json.dumps([_numbers_only(each) for each in found]) if options.json else _table(found))


def _options() -> argparse.Namespace:
    parser = _measure.parser(__doc__)
    _measure.add_data(parser)
    parser.add_argument(
        "--seeds", type=int, help="number of seeds for presets compared with a loop"
    )
    parser.add_argument("--only", nargs="+", choices=presets.preset_names(REPOSITORY))
    return parser.parse_args()


def _write(options: argparse.Namespace, path: Path, text: str) -> None:
    if not options.smallest:
        path.write_text(text, encoding="utf-8")


def _experiment(name: str, root: Path, changes: list[str], seeds: int) -> dict[str, Any]:
    if name not in LOOPS:
        return _row(name, _run_stages(name, root, changes))
    pairs = [_train_both(name, root, changes, seed) for seed in range(seeds)]
    peers, ours = zip(*pairs, strict=True)
    accuracies = [[each.accuracy for each in side] for side in (peers, ours)]
    differences = [mine - theirs for theirs, mine in zip(*accuracies, strict=True)]
    error = statistics.stdev(differences) / len(differences) ** 0.5 if seeds > 1 else 0.0
    return _row(
        name,
        statistics.mean(accuracies[1]),
        peer=statistics.mean(accuracies[0]),
        tolerance=max(TOLERANCE, 2 * error),
        peer_seconds=sum(each.seconds for each in peers),
        our_seconds=sum(each.seconds for each in ours),
    )


def _row(name: str, ours: float | str, **more: float) -> dict[str, Any]:
    figure = re.match(r"([\d.]+) %", presets.published(REPOSITORY, name))
    published = float(figure[1]) / 100 if figure else None
    keys = ("peer", "tolerance", "peer_seconds", "our_seconds")
    return {"id": name, "published": published, "ours": ours, **dict.fromkeys(keys), **more}


def _run_stages(name: str, root: Path, changes: list[str]) -> float | str:
    """Run the stages up to evaluate; return the registration metric, or why training diverged."""
    params = _with_preset(name, root, changes, seed=0)
    try:
        for stage in ("download", "normalize", "build", "train", "evaluate"):
            run_stage(stage, root)
    except DivergedError as error:
        return f"diverged: {str(error).partition(';')[0]}"
    metrics = json.loads((root / layout.METRICS).read_text())["test"]
    value: float = metrics[params.register.metric]
    return value


def _with_preset(name: str, root: Path, changes: list[str], seed: int) -> Params:
    """Write a preset's parameters and further overrides to a clone's params.yaml; return them."""
    path = root / layout.PARAMS
    path.write_text((REPOSITORY / layout.PARAMS).read_text(encoding="utf-8"), encoding="utf-8")
    write_overridden(path, [*presets.assignments(root, name), f"seed={seed}", *changes])
    return load_params(root)


def _train_both(name: str, root: Path, changes: list[str], seed: int) -> tuple[Result, Result]:
    params = _with_preset(name, root, changes, seed)
    for stage in ("download", "normalize", "build"):
        run_stage(stage, root)
    return _peer(params, root, LOOPS[name]), _ours(params, root)


def _ours(params: Params, root: Path) -> Result:
    training = Training(params, root)
    loop, train = training.loop(), training.train
    loop.steps.build(train)
    kept = tutorials.values(loop.steps.variables)
    loop.fit(train, None, [], epochs=1)  # traces the graphs
    tutorials.restore(loop.steps.variables, kept)
    start = time.perf_counter()
    loop.fit(train, None, [], epochs=params.train.epochs, steps=params.train.steps)
    seconds = time.perf_counter() - start
    test = load_examples(root, "test")
    return Result(_accuracy(loop.predict(test)["y"], np.asarray(test.y)), seconds)


def _peer(params: Params, root: Path, train_by: tutorials.Loop) -> Result:
    spec = read_spec(root)
    model = make_model_with(params, spec, root / layout.INITIAL_WEIGHTS)
    compile_for_training(model, params, spec, 1, root)
    preprocess = preprocessing.layers(spec)

    def floats(split: str) -> Examples:
        x, y, *_ = load_examples(root, split)
        return Examples(preprocess.predict(x, verbose=0), np.array(y))

    orders = list(_orders(params, spec.splits["train"]))
    train, test = floats("train"), floats("test")
    seconds = train_by(model, train, orders, orders[0][:WARM_UP])
    return Result(
        _accuracy(model.predict(test.x, verbose=0), load_examples(root, "test").y), seconds
    )


def _orders(params: Params, count: int) -> Iterator[list[np.ndarray]]:
    """Each epoch's batches, in the order of Lockstep's loop."""
    train, size = params.train, params.train.batch_size
    per_epoch = steps_per_epoch(train.order, count, size, train.last_batch)
    total = train.steps or (train.epochs or 0) * per_epoch
    for epoch in range(math.ceil(total / per_epoch)):
        orders = batches_of_epoch(train.order, count, size, params.seed, epoch)
        batches = [rows for order in orders for rows in order][:per_epoch]
        yield batches[: total - epoch * per_epoch]


def _accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    return float((outputs.argmax(1) == labels).mean())


def _update_measured(found: list[dict[str, Any]]) -> str:
    """The text of measured.json, updated with these results; `lockstep presets` shows them."""
    kept = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    kept |= {each["id"]: _as_text(each["ours"]) for each in found}
    return json.dumps(kept, indent=2, sort_keys=True) + "\n"


def _numbers_only(row: dict[str, Any]) -> dict[str, Any]:
    """The row with None instead of texts such as "diverged"."""
    return {
        key: None if key != "id" and isinstance(value, str) else value for key, value in row.items()
    }


def _as_text(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.4f}"


def _table(found: list[dict[str, Any]]) -> str:
    rows = [[_as_text(each) for each in row.values()] for row in found]
    return _measure.table(found[0], rows)


def _document(found: list[dict[str, Any]]) -> str:
    pairs = [each for each in found if each["peer_seconds"]]
    peers, ours = (sum(each[side] for each in pairs) for side in ("peer_seconds", "our_seconds"))
    return (
        "# The reference experiments\n\n"
        "`python -m benchmarks.reference --json`: test accuracies as fractions, or mean absolute\n"
        "errors for regression; means over seeds. `peer` is the tutorial's own loop with the same\n"
        "initial weights and batches. Seconds are training time without tracing, over all seeds.\n"
        f"The tutorials' loops took {peers:.0f} s in all, Lockstep {ours:.0f} s: "
        f"{ours / peers:.3f} of it.\n\n"
        f"{_table(found)}\n"
    )


if __name__ == "__main__":
    main()
