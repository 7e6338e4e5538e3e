"""Write a data card: report/data.json, report/data.md and its pictures in report/data."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockstep.data.card.content import describe
from lockstep.data.card.drawing import draw_grid, draw_histograms
from lockstep.data.card.findings import Findings
from lockstep.data.card.markdown import as_markdown
from lockstep.data.card.samples import sample_pictures
from lockstep.data.card.sections import sections
from lockstep.data.spec import Examples, Spec, Y, as_dict, load_examples, read_spec
from lockstep.storage import atomic_files, layout

MOST = 200  # histograms that are drawn


def write_card(root: Path, findings: Findings) -> None:
    """Write the card of data/ready; the same data, parameters and versions give the same bytes."""
    spec = read_spec(root)
    splits = {split: load_examples(root, split) for split in spec.splits}
    card = describe(spec, splits, findings)
    with atomic_files.whole_folder(root / layout.DATA_PICTURES) as folder:
        drawn = _draw(spec, splits["train"], card, folder)
        _write_targets(card, folder / "targets.csv")
    text = as_markdown(sections(card, drawn), layout.DATA_PICTURES.name)
    atomic_files.write_text(root / layout.DATA_TEXT, text)
    atomic_files.write_json(root / layout.DATA_CARD, card)


def _write_targets(card: Mapping[str, Any], path: Path) -> None:
    """Write the counts of each class or part as a CSV, which dvc.yaml has a plot of."""
    with path.open("w", encoding="utf-8", newline="") as file:
        names = ["target", "value", *card["examples"]]
        table = csv.DictWriter(file, names, lineterminator="\n")
        table.writeheader()
        table.writerows(card["target_values"])


def _draw(spec: Spec, train: Examples, card: Mapping[str, Any], folder: Path) -> list[str]:
    """Draw all pictures, and return their names without the suffix."""
    drawn, y = [], next(iter(as_dict(train.y, Y).values()), None)
    described = [*card["columns"], *card["inputs"]]
    named = [(each["name"], each["histogram"]) for each in described if "histogram" in each]
    if named:
        draw_histograms(named[:MOST], folder / "histograms.png")
        drawn.append("histograms")
    for number, (name, found) in enumerate(spec.inputs.items()):
        if found.kind == "image":
            x = as_dict(train.x, name)[name]
            target = next(iter(spec.targets.values()), None)
            drawn.append("samples" if not number else f"samples-{number}")
            draw_grid(sample_pictures(found, x, target, y), folder / f"{drawn[-1]}.png")
    return drawn
