"""What is said of a model's test outputs: scores, tables and plots, one file for each target kind.

Each file defines `make_report(target)`, which returns a Report. Data without targets have none.
"""

from lockstep.data.spec import Target
from lockstep.evaluation.reports import (
    classification,
    image,
    mask,
    multilabel,
    regression,
    sequence,
)
from lockstep.evaluation.reports.report import Report

_FILES = {
    "classification": classification,
    "image": image,
    "mask": mask,
    "multilabel": multilabel,
    "regression": regression,
    "sequence": sequence,
}


def report_of(target: Target) -> Report:
    """Return an empty report for a target."""
    return _FILES[target.kind].make_report(target)
