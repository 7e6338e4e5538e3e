"""In which parameters two params.yaml differ."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from lockstep.config.reading import PLAIN

NAME, SECTION = "name", 1  # keys that lead to a section of params.yaml


class _Nothing:
    """In place of a value: the key isn't there."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


class ParameterDifference(NamedTuple):
    """A parameter by dotted key, with both values; NOTHING where it isn't there."""

    key: str
    a: Any
    b: Any


def parameter_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[ParameterDifference]:
    """Return the parameters that differ, in the order of `b`; of models only the chosen ones'.

    Optimizers and other objects with another name are one value.
    """
    return list(_differing(_with_chosen_model(a), _with_chosen_model(b), ()))


def _with_chosen_model(raw: Mapping[str, Any]) -> dict[str, Any]:
    model = raw.get("model")
    if not isinstance(model, dict) or NAME not in model:
        return dict(raw)
    name = model[NAME]
    return {**raw, "model": {NAME: name, name: model.get(name) or {}}}


def _differing(a: Any, b: Any, keys: tuple[str, ...]) -> Iterator[ParameterDifference]:
    if _is_mapping(a) and _is_mapping(b) and (len(keys) <= SECTION or a.get(NAME) == b.get(NAME)):
        for key in dict.fromkeys([*b, *a]):
            one, other = a.get(key, NOTHING), b.get(key, NOTHING)
            if one is not other:  # parts of similar files are the same object
                yield from _differing(one, other, (*keys, key))
    elif a != b:
        yield ParameterDifference(".".join(keys), a, b)


def _is_mapping(value: Any) -> bool:
    """Whether a value is a mapping whose keys can stand between dots."""
    return isinstance(value, dict) and all(map(_is_plain, value))


@cache
def _is_plain(key: Any) -> bool:
    return isinstance(key, str) and bool(PLAIN.fullmatch(key))
