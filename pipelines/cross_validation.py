"""Run the experiment of each fold, and write a page with the mean and interval of each metric."""

import shlex
from pathlib import Path

from lockstep.process import console
from lockstep.storage import atomic_files, layout
from lockstep.versioning.hashes import ExperimentInputs
from lockstep.versioning.same_inputs import SameInputs
from pipelines import workspaces
from pipelines.fold_report import as_json, as_markdown


def run(root: Path, runs: list[tuple[list[str], list[str]]], preset: str | None) -> str:
    """Run one experiment for each fold, each in its own workspace; write and return the page.

    `runs` has each fold's assignments and overrides, as `workspaces.run` takes them. After an
    interruption the same command restores the folds that have ended, by DVC's caches. Raises
    DataError if the checkout's code, data or parameters change between the folds.
    """
    saved, same = [], SameInputs("the folds ran")

    def check(inputs: ExperimentInputs) -> None:
        same.require(inputs.values(varied=["data.fold"]))

    for fold, (assignments, overrides) in enumerate(runs, 1):
        console.say(f"fold {fold} of {len(runs)}")
        saved.append(workspaces.run(root, assignments, preset, overrides, check))
    named = ["--preset", preset] if preset else []
    given = [each for each in runs[0][1] if not each.startswith("data.fold=")]
    command = shlex.join(["lockstep", "run", *named, *given, "data.fold=all"])
    names, metrics = [each.name for each in saved], [each.metrics for each in saved]
    page = as_markdown(command, names, metrics)
    atomic_files.write_json(root / layout.FOLDS_FIGURES, as_json(command, names, metrics))
    atomic_files.write_text(root / layout.FOLDS_PAGE, page)
    console.say(f"written to {layout.FOLDS_PAGE} and {layout.FOLDS_FIGURES}")
    return page
