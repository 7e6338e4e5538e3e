"""The names of a served model's outputs, which say where they are scores and not probabilities."""

from collections.abc import Container
from dataclasses import replace
from typing import Any

from lockstep.data.spec import Spec, as_dict
from lockstep.data.spec.targets import SCORES
from lockstep.errors import ParamsError


def name_of(target: str, spec: Spec) -> str:
    """Return the name of a target's output."""
    if not spec.targets[target].has_scores:
        return target
    return SCORES if len(spec.targets) == 1 else f"{target}_{SCORES}"


def named(outputs: Any, spec: Spec) -> Any:
    """Return a model's outputs, with scores by names that say so; others keep theirs."""
    if not any(each.has_scores for each in spec.targets.values()):
        return outputs
    names = {name: name_of(name, spec) for name in spec.targets}
    if len(set(names.values())) < len(names):
        raise ParamsError(
            f"targets: got {', '.join(names)}, whose outputs would be {', '.join(names.values())}; "
            "expected names that differ by more than _scores"
        )
    by_target = as_dict(outputs, next(iter(spec.targets)))
    return {served: by_target[name] for name, served in names.items()}


def as_served(names: Container[str], spec: Spec) -> Spec:
    """Return the description with the targets whose outputs, of these names, are scores."""
    scores = {name: replace(each, outputs_are=SCORES) for name, each in spec.targets.items()}
    scored = replace(spec, targets=scores)
    targets = {
        name: scores[name] if name not in names and name_of(name, scored) in names else each
        for name, each in spec.targets.items()
    }
    return replace(spec, targets=targets)
