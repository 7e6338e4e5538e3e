"""Figures of what the processes of `benchmarks._clusters` have measured, by the way of training."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

Process = dict[str, Any]  # what it has measured
Rounds = Sequence[list[Process]]  # the processes of a way, the chief first, in each round


def throughput(ways: Mapping[str, Rounds], model: str, examples: int) -> dict[str, Any]:
    """Return the examples per second of each way; all its replicas share the examples."""
    found = {}
    for name, rounds in ways.items():
        seconds = [each for processes in rounds for each in processes[0]["epochs"][model]]
        fastest, usual = examples / min(seconds), examples / median(seconds)
        found[name] = {"fastest": round(fastest), "median": round(usual)}
    return found


def all_reduce(ways: Mapping[str, Rounds]) -> dict[str, Any]:
    """Return the ms of an all-reduce by MB, of the ways with several replicas."""
    return {
        name: {size: in_ms(each) for size, each in sums_of(rounds).items()}
        for name, rounds in ways.items()
        if "sums" in rounds[0][0]
    }


def sums_of(rounds: Rounds) -> dict[str, list[float]]:
    """Return the chief's seconds of all rounds by MB."""
    found: dict[str, list[float]] = {}
    for processes in rounds:
        for size, seconds in processes[0]["sums"].items():
            found.setdefault(size, []).extend(seconds)
    return found


def in_ms(seconds: Iterable[float]) -> dict[str, float]:
    """Return the fastest and the median in ms."""
    ms = sorted(1000 * each for each in seconds)
    return {"fastest": round(ms[0], 3), "median": round(median(ms), 3)}


def starts(ways: Mapping[str, Rounds]) -> dict[str, dict[str, float]]:
    """Return the medians of the seconds from a process's start to its first step.

    `forming` begins when all processes have imported TensorFlow, and ends when all have finished
    their first collective operation; alone, it is what the strategy takes.
    """
    names = ("imported", "forming", "first_step")
    found = {}
    for way, rounds in ways.items():
        columns = zip(*map(moments, rounds), strict=True)
        found[way] = {
            name: round(median(each), 3) for name, each in zip(names, columns, strict=True)
        }
    return found


def moments(processes: list[Process]) -> tuple[float, float, float]:
    """Return the seconds to the imports' end, of the forming, and to the first step."""
    begin, imported, formed, stepped = (
        max(each[name] for each in processes) for name in ("begin", "imported", "formed", "stepped")
    )
    return imported - begin, formed - imported, stepped - begin
