"""The phases of a training: some epochs each, with other frozen layers or another learning rate."""

from lockstep.config.schema import Params


def phases_of(params: Params) -> list[Params]:
    """Return the parameters of each phase of train.phases, or the given ones if there are none.

    What a phase doesn't name is as in the section train.
    """
    return [_of_phase(params, number) for number in range(len(params.train.phases))] or [params]


def _of_phase(params: Params, number: int) -> Params:
    given = params.train.phases[number]
    changes = {name: each for name, each in given if each is not None}
    train = params.train.model_copy(update={"phases": [], **changes})
    return params.model_copy(update={"train": train})


def epochs_of(params: Params) -> int | None:
    """Return the epochs of all phases together; None if the training has a number of steps."""
    if params.train.phases:
        return sum(each.epochs for each in params.train.phases)
    return params.train.epochs


def without_epochs(params: Params) -> Params:
    """Return the parameters without the number of epochs after which the training ends."""
    phases = list(params.train.phases)
    if phases:
        phases[-1] = phases[-1].model_copy(update={"epochs": 0})
    changes = {"epochs": None, "steps": None, "phases": phases}
    return params.model_copy(update={"train": params.train.model_copy(update=changes)})
