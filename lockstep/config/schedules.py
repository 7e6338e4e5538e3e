"""Learning rate schedules over all steps of a training: `decay_steps: auto`."""

from lockstep.config.schema import KerasObjectConfig, Params

AUTO, STEPS, WARMUP = "auto", ("decay_steps", "first_decay_steps"), "warmup_steps"


def spans_training(params: Params) -> bool:
    """Return whether the learning rate falls over all steps, so that each depends on the last."""
    rates = [params.train.learning_rate, *(each.learning_rate for each in params.train.phases)]
    return any(
        isinstance(rate, KerasObjectConfig) and AUTO in map(rate.arguments.get, STEPS)
        for rate in rates
    )


def with_steps(rate: KerasObjectConfig, total: int) -> KerasObjectConfig:
    """Return a schedule with the number of steps where it says auto: all but those of a warmup."""
    steps = max(1, total - int(rate.arguments.get(WARMUP) or 0))
    given = [name for name in STEPS if rate.arguments.get(name) == AUTO]
    return rate.model_copy(update=dict.fromkeys(given, steps))
