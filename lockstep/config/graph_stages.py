"""What the stages of a dvc.yaml of any age read and write, by its text and by parameters."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lockstep.config.graph import TEMPLATE, value_of
from lockstep.errors import ParamsError
from lockstep.storage import layout

OUTPUTS = ("outs", "metrics", "plots")


class GraphStage(NamedTuple):
    """A stage of dvc.yaml, with values in place of `${...}`."""

    deps: list[str]
    chosen: list[str]  # those of the deps that parameters choose
    outs: list[str]
    reads: list[str]  # dotted keys of params.yaml, also of sections


def stages_of(graph: Any, raw: Any) -> dict[str, GraphStage]:
    """Return the stages of `graph`, the contents of dvc.yaml, by name.

    `raw` are the contents of params.yaml. Raises ParamsError for a key that they haven't.
    """
    stages = (graph or {}).get("stages", {})
    return {name: _stage(each, raw) for name, each in stages.items()}


def _stage(stage: Mapping[str, Any], raw: Any) -> GraphStage:
    written = [_name(each) for kind in OUTPUTS for each in stage.get(kind, ())]
    deps = list(stage.get("deps", ()))
    keys = [match for text in _texts(stage) for match in TEMPLATE.findall(text)]
    return GraphStage(
        [_with_values(each, raw) for each in deps],
        [_with_values(each, raw) for each in deps if TEMPLATE.search(each)],
        [_with_values(each, raw) for each in written],
        [*keys, *(_with_values(_name(each), raw) for each in stage.get("params", ()))],
    )


def _name(entry: Any) -> str:
    """The path or key of an entry, which may be a mapping from it to settings."""
    return str(next(iter(entry)) if isinstance(entry, dict) else entry)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(each)


def _with_values(text: str, raw: Any) -> str:
    try:
        return TEMPLATE.sub(lambda match: str(value_of(raw, match[1])), text)
    except (KeyError, TypeError):
        raise ParamsError(
            f"{layout.GRAPH}: got {text}, expected a key that {layout.PARAMS} has"
        ) from None
