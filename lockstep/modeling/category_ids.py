"""Categories of tables as ids, for models whose file asks for them: CATEGORIES = "ids"."""

from dataclasses import replace
from importlib import import_module

from lockstep.config.schema import Params
from lockstep.data.spec import Input, Spec
from lockstep.errors import ParamsError

CONSTANT = "CATEGORIES"
IDS, ONE_HOT = "ids", "one-hot"


def as_asked(params: Params, spec: Spec) -> Spec:
    """Return the description of the data with categories as the model's file asks for them.

    spec.json is the same for all models. Raises ParamsError for an unknown way.
    """
    asked = getattr(import_module(f"models.{params.model.name}"), CONSTANT, ONE_HOT)
    if asked not in (IDS, ONE_HOT):
        raise ParamsError(
            f"models/{params.model.name}.py: {CONSTANT} is {asked!r}, expected {IDS!r} or "
            f"{ONE_HOT!r}"
        )
    if asked == ONE_HOT:
        return spec
    return replace(spec, inputs={name: _with_ids(each) for name, each in spec.inputs.items()})


def _with_ids(each: Input) -> Input:
    columns = {
        name: replace(column, ids=column.is_category) for name, column in each.columns.items()
    }
    return replace(each, columns=columns)
