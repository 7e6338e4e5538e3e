"""The reference experiments beside the tutorials' own loops: as good, and how much faster?

    python -m benchmarks.reference --data ../shared/data --json [--only ID ...] [--seeds 3]

About 40 minutes on two cores. Those with a loop of their own begin with the same weights, and take
the same batches, in one process; seconds are of training alone, without tracing. The others run
through their stages. Writes docs/reference-results.md, and presets/measured.json for those it ran.
"""

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import _measure
from benchmarks._measure import REPOSITORY
from tasks import _environment

_environment.prepare(REPOSITORY)

import keras  # noqa: E402
import numpy as np  # noqa: E402

import params  # noqa: E402
from benchmarks import tutorials  # noqa: E402
from errors import DivergedError  # noqa: E402
from pipelines import presets  # noqa: E402
from tasks import _model, _objective, _order, _preprocessing, _spec, _stages  # noqa: E402
from tasks._spec import Examples  # noqa: E402
from tasks._training import Training  # noqa: E402

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
DOCUMENT = REPOSITORY / "docs" / "reference-results.md"


class Result(NamedTuple):
    """One seed's test accuracy, and seconds of training."""

    accuracy: float
    seconds: float


def main() -> None:
    """Run them, write the table, and print a JSON list or the table."""
    options = _options()
    found = []
    for name in options.only or presets.names():
        print(name, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "lockstep"
            found.append(_experiment(name, place, options.data.resolve(), options.seeds))
        _remember(found)
    if not options.only:
        DOCUMENT.write_text(_document(found), encoding="utf-8")
    print(json.dumps([_in_numbers(each) for each in found]) if options.json else _table(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=presets.names())
    parser.add_argument("--json", action="store_true", help="print one list")
    return parser.parse_args()


def _experiment(name: str, root: Path, data: Path, seeds: int) -> dict[str, Any]:
    if name not in LOOPS:
        return _row(name, _alone(name, root, data))
    pairs = [_pair(name, root, data, seed) for seed in range(seeds)]
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
    figure = re.match(r"([\d.]+) %", presets.published(name))
    published = float(figure[1]) / 100 if figure else None
    keys = ("peer", "tolerance", "peer_seconds", "our_seconds")
    return {"id": name, "published": published, "ours": ours, **dict.fromkeys(keys), **more}


def _alone(name: str, root: Path, data: Path) -> float | str:
    """Run the stages up to evaluate; return what registering would look at, or why it ended."""
    asked = _workspace(name, root, data, seed=0)
    try:
        for stage in ("download", "normalize", "build", "train", "evaluate"):
            _stages.run(stage, root)
    except DivergedError as error:
        return f"diverged: {str(error).partition(';')[0]}"
    metrics = json.loads((root / "report" / "metrics.json").read_text())["test"]
    value: float = metrics[asked.register.metric]
    return value


def _workspace(name: str, root: Path, data: Path, seed: int) -> params.Params:
    changes = [*presets.assignments(name), f"seed={seed}", f"data.mirror={data}"]
    path = root / "params.yaml"
    if not path.exists():
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(root)], check=True)
    path.write_text((REPOSITORY / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    params.write_overridden(path, changes)
    return params.load(path)


def _pair(name: str, root: Path, data: Path, seed: int) -> tuple[Result, Result]:
    asked = _workspace(name, root, data, seed)
    for stage in ("download", "normalize", "build"):
        _stages.run(stage, root)
    return _peer(asked, root, LOOPS[name]), _ours(asked, root)


def _ours(asked: params.Params, root: Path) -> Result:
    training = Training(asked, root)
    loop, train = training.loop(), training.train
    loop.steps.build(train)
    kept = tutorials.values(loop.steps.variables)
    loop.fit(train, None, [], epochs=1)  # traces
    tutorials.restore(loop.steps.variables, kept)
    start = time.perf_counter()
    loop.fit(train, None, [], epochs=asked.train.epochs, steps=asked.train.steps)
    seconds = time.perf_counter() - start
    test = _spec.examples(root, "test")
    return Result(_accuracy(loop.predict(test)["y"], np.asarray(test.y)), seconds)


def _peer(asked: params.Params, root: Path, train_by: tutorials.Loop) -> Result:
    spec = _spec.read(root)
    model = _model.make_with(asked, spec, root / "weights" / "initial.weights.h5")
    _objective.compile_for_training(model, asked, spec, 1)
    preprocess = _preprocessing.layers(spec)

    def floats(split: str) -> Examples:
        x, y, *_ = _spec.examples(root, split)
        one_hot = isinstance(model.loss, keras.losses.CategoricalCrossentropy)
        return Examples(
            preprocess.predict(x, verbose=0), np.eye(spec.outputs)[y] if one_hot else np.array(y)
        )

    orders = list(_orders(asked, spec.splits["train"]))
    train, test = floats("train"), floats("test")
    seconds = train_by(model, train, orders, orders[0][:WARM_UP])
    return Result(
        _accuracy(model.predict(test.x, verbose=0), _spec.examples(root, "test").y), seconds
    )


def _orders(asked: params.Params, count: int) -> Iterator[np.ndarray]:
    """The batches of each epoch, as our loop takes them."""
    train = asked.train
    per_epoch = count // train.batch_size
    total = train.steps or (train.epochs or 0) * per_epoch
    for epoch in range(math.ceil(total / per_epoch)):
        order = _order.of_epoch(train.order, count, train.batch_size, asked.seed, epoch)
        yield order[: total - epoch * per_epoch]


def _accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    return float((outputs.argmax(1) == labels).mean())


def _remember(found: list[dict[str, Any]]) -> None:
    """Keep what `lockstep presets` shows."""
    kept = json.loads(presets.MEASURED.read_text()) if presets.MEASURED.exists() else {}
    kept |= {each["id"]: _in_words(each["ours"]) for each in found}
    presets.MEASURED.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


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
