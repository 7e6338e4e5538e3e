"""Decide whether a model takes the champion's place, and say why."""

from dataclasses import asdict

from lockstep.config.schema import Register
from lockstep.evaluation.challenge import Challenge
from lockstep.evaluation.directions import improvement
from lockstep.tracking.candidates import Verdict


def by_outputs(found: Challenge, champion: str, limits: Register) -> Verdict:
    """Return the verdict by both models' outputs; `champion` names the other, as 'version 3'."""
    mine, interval = f"{found.metric} {found.value}", _interval(found)
    figures = asdict(found)
    if found.improvement <= limits.min_delta:
        sentence = f"not champion: {mine}, {champion} has {found.other}; {interval}"
        return Verdict(False, sentence, figures)
    name, drop = found.worst_drop
    if limits.max_class_drop is not None and drop > limits.max_class_drop:
        sentence = (
            f"not champion: {mine}, {champion} has {found.other}, but the recall of {name!r} falls "
            f"by {drop:.6g}, more than register.max_class_drop {limits.max_class_drop}"
        )
        return Verdict(False, sentence, figures)
    if limits.confidence is not None and found.low <= limits.min_delta:
        sentence = (
            f"not champion: {mine}, {champion} has {found.other}, but it isn't certain: {interval}"
        )
        return Verdict(False, sentence, figures)
    return Verdict(True, f"champion with {mine}, {champion} had {found.other}; {interval}", figures)


def by_values(
    metric: str, value: float, other: float, goal: str, champion: str, limits: Register
) -> Verdict:
    """Return the verdict by two recorded values of the metric, without an interval."""
    gain = improvement(value, other, goal)
    figures = {"metric": metric, "value": value, "other": other, "improvement": gain}
    if limits.confidence is not None or limits.max_class_drop is not None:
        sentence = (
            f"not champion: {metric} {value}, {champion} has {other}; register.confidence and "
            f"max_class_drop need a score of the test outputs, and {metric} isn't one"
        )
        return Verdict(False, sentence, figures)
    if gain <= limits.min_delta:
        return Verdict(False, f"not champion: {metric} {value}, {champion} has {other}", figures)
    return Verdict(True, f"champion with {metric} {value}, {champion} had {other}", figures)


def not_compared(reason: str) -> Verdict:
    """Return the verdict on a model that can't be compared with the champion."""
    return Verdict(False, f"not compared: {reason}", {})


def _interval(found: Challenge) -> str:
    return (
        f"improvement {found.improvement:.6g}, {100 * found.confidence:g} % interval "
        f"{found.low:.6g} to {found.high:.6g}"
    )
