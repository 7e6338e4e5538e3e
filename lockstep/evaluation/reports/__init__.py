"""What is said of a model's test outputs: scores, tables and plots, one file for each target kind.

Each file defines `make_report(target)`, which returns a Report. Data without targets have none.
"""

from importlib import import_module

from lockstep.data.spec import Target
from lockstep.evaluation.reports.report import Report


def report_of(target: Target) -> Report:
    """Return an empty report for a target, from the file named after its kind."""
    report: Report = import_module(f"{__name__}.{target.kind}").make_report(target)
    return report
