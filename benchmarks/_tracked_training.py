"""One train stage, with a stopwatch around what it calls of the recorder: a benchmark's process.

    python -m benchmarks._tracked_training ROOT [without]

Prints the seconds as JSON; `without` trains without recording.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lockstep.config.schema import Params
from lockstep.tracking import recorder
from lockstep.versioning.hashes import experiment_key
from tasks.__main__ import run_stage

Seconds = dict[str, float]


def main() -> None:
    """Run the stage, and print its seconds."""
    root, without, seconds = Path(sys.argv[1]), "without" in sys.argv[2:], Seconds()
    record = _unrecorded if without else recorder.record
    recorder.record = _timed(record, seconds)
    run_stage("train", root)
    print(json.dumps(seconds))


def _timed(record: Callable[..., Any], seconds: Seconds) -> Callable[..., Any]:
    """Return `record` that adds up what the training thread spends in it, and before its end."""

    @contextmanager
    def timed(*arguments: Any) -> Iterator[Any]:
        begin = time.perf_counter()
        with ExitStack() as stack:
            run = stack.enter_context(record(*arguments))
            seconds.update(entry=time.perf_counter() - begin, send=0.0)
            run.send = _adding(run.send, seconds)
            yield run
            trained = time.perf_counter()
        seconds.update(training=trained - begin, end=time.perf_counter() - trained)

    return timed


def _adding(send: Callable[[Any], None], seconds: Seconds) -> Callable[[Any], None]:
    def adding(row: Any) -> None:
        begin = time.perf_counter()
        send(row)
        seconds["send"] += time.perf_counter() - begin

    return adding


@contextmanager
def _unrecorded(params: Params, root: Path, stage: str, tags: object) -> Iterator[Any]:
    yield SimpleNamespace(key=experiment_key(root), send=lambda row: None)


if __name__ == "__main__":
    main()
