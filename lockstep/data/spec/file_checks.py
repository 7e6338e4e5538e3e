"""Checks of what a spec.json says: it may come with a model from elsewhere."""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lockstep.data.spec import target_kinds
from lockstep.data.spec.columns import PARTS
from lockstep.data.spec.inputs import KINDS, Input
from lockstep.data.spec.targets import Target
from lockstep.data.spec.tokens import CHARACTERS, WORDS

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from lockstep.data.spec.files import Spec

COLUMN_KINDS = ("number", "boolean", "date", "category", "text", *PARTS)
MAX_VALUES = 2**31  # of one example


def check_types(text: bytes) -> None:
    """Raise ValueError for a spec.json that lacks a value, or has one of another type."""
    from pydantic import ValidationError  # takes 0.2 s to import

    try:
        _types().validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}".removeprefix(": ")) from None


def check_values(spec: "Spec") -> None:
    """Raise ValueError for a description with values that make no sense."""
    _demand(bool(spec.inputs), "inputs: none")
    for name, each in spec.inputs.items():
        _check_input(name, each)
    for name, target in spec.targets.items():
        _check_target(name, target)


@lru_cache(maxsize=1)
def _types() -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    from lockstep.data.spec.files import Spec

    return TypeAdapter(Spec)


def _check_input(name: str, each: Input) -> None:
    _demand(each.kind in KINDS, f"{name}.kind: {each.kind!r}")
    _demand(np.dtype(each.dtype).kind in "biuf", f"{name}.dtype: {each.dtype!r}")
    _demand(each.tokens in (WORDS, CHARACTERS), f"{name}.tokens: {each.tokens!r}")
    _check_shape(name, each.shape)
    for column, described in each.columns.items():
        _demand(described.kind in COLUMN_KINDS, f"{column}.kind: {described.kind!r}")


def _check_target(name: str, target: Target) -> None:
    _demand(target.kind in target_kinds.KINDS, f"{name}.kind: {target.kind!r}")
    _check_shape(name, target.shape)
    _demand(len(target.shape) in target.described.ranks, f"{name}.shape: {target.shape}")


def _check_shape(name: str, shape: list[int]) -> None:
    possible = all(size > 0 for size in shape) and math.prod(shape) < MAX_VALUES
    _demand(possible, f"{name}.shape: {shape}")


def _demand(true: bool, line: str) -> None:
    if not true:
        raise ValueError(line)
