"""The table of `lockstep explain --attribute`, as text and as JSON."""

from collections.abc import Iterator
from typing import Any

from lockstep.messages import aligned
from pipelines.attribution.attribution import Attribution
from pipelines.attribution.shares import Gap
from pipelines.explanation_page import signed

JOINT = "with the next"


def page(found: Attribution) -> str:
    """Return the share of each difference, in both orders, and what was run for it."""
    title = f"{found.metric}: {found.first:.6g} -> {found.last:.6g} ({signed(found.total)})"
    rows: list[tuple[str, ...]] = [("difference", "forward", "backward", "")]
    rows += [_row(found, name) for name in found.shares.names]
    rows.append(("total", signed(found.total), signed(found.total), ""))
    lines = aligned(rows).splitlines()
    return "\n".join([title, *(f"  {line}" for line in lines), *_notes(found)])


def as_json(found: Attribution) -> dict[str, Any]:
    """Return the same as one JSON object."""
    shares = found.shares
    return {
        "metric": found.metric,
        "a": found.first,
        "b": found.last,
        "total": found.total,
        "differences": [
            {
                "difference": name,
                "forward": shares.forward.shares[name],
                "backward": shares.backward.shares[name],
                "interaction": shares.interacts(name),
            }
            for name in shares.names
        ],
        "not_separable": {
            "forward": [each._asdict() for each in shares.forward.gaps],
            "backward": [each._asdict() for each in shares.backward.gaps],
        },
        "without_effect": found.changes.without_effect,
        "not_attributable": found.changes.not_made,
        "experiments_between": len(found.between),
        "stages_run": found.stages_run,
    }


def _row(found: Attribution, name: str) -> tuple[str, ...]:
    shares = (found.shares.forward.shares[name], found.shares.backward.shares[name])
    cells = ("-" if each is None else signed(each) for each in shares)
    return name, *cells, "interacts with others" if found.shares.interacts(name) else ""


def _notes(found: Attribution) -> Iterator[str]:
    for order, gaps in (
        ("forward", found.shares.forward.gaps),
        ("backward", found.shares.backward.gaps),
    ):
        yield from (_gap(order, each) for each in gaps)
    if found.changes.without_effect:
        names = ", ".join(found.changes.without_effect)
        yield f"no share, since no stage before the test metrics reads it: {names}"
    for each in found.changes.not_made:
        yield f"not attributable: {each}: the experiments between ran with the installed version"
    ran = ", ".join(found.stages_run) or "none, DVC's cache had them"
    yield f"experiments between: {len(found.between)}; stages run for them: {ran}"


def _gap(order: str, gap: Gap) -> str:
    names = f"{' and '.join(gap.changes)} together {signed(gap.share)}"
    return f"{order}: {names}: what is between can't be run: {gap.problem}"
