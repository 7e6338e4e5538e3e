"""Report on a class or numbers for each step."""

from lockstep.data.spec import Target
from lockstep.evaluation.reports.mask import ClassOfEach
from lockstep.evaluation.reports.regression import make_report as report_of_numbers
from lockstep.evaluation.reports.report import Report


def make_report(target: Target) -> Report:
    """Return an empty report."""
    return ClassOfEach(target) if target.classes else report_of_numbers(target)
