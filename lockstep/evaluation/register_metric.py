"""The test metric that decides on registration."""

from lockstep.config.schema import Params
from lockstep.data.spec import Spec
from lockstep.errors import ParamsError

LOSS = "loss"


def register_metric(params: Params, spec: Spec) -> str:
    """Return register.metric; `auto` is the first target's score, or the loss without targets.

    Raises ParamsError for a loss whose threshold nobody has chosen.
    """
    if params.register.metric != "auto":
        return params.register.metric
    if not spec.targets:
        if params.register.threshold is not None:
            raise ParamsError(
                f"register.threshold: got {params.register.threshold} for data without targets, "
                "which are judged by the loss: expected null, or also register.metric"
            )
        return LOSS
    name, target = next(iter(spec.targets.items()))
    score = target.described.score(target)
    return score if spec.target else f"{name}_{score}"
