"""The table of faults is complete, and its tests exist."""

import ast

import pytest

from tests.faults import report
from tests.faults.matrix import FAULTS, Fault
from tests.faults.protections import MUTATIONS, Mutation
from tests.support.workspaces import REPOSITORY

EXCEPTIONS = 5  # at most, that don't apply


def test_all_sixty_are_there() -> None:
    assert [each.number for each in FAULTS] == [f"F{number:02}" for number in range(1, 61)]
    assert sum(bool(each.not_applicable) for each in FAULTS) <= EXCEPTIONS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.number)
def test_each_has_tests_or_a_reason(fault: Fault) -> None:
    assert bool(fault.tests) != bool(fault.not_applicable)
    for test in fault.tests:
        file, _, function = test.partition("::")
        tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
        names = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
        assert function in names if function else any(each.startswith("test_") for each in names)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.holds)
def test_each_protection_that_can_be_taken_away_is_there(mutation: Mutation) -> None:
    text = (REPOSITORY / mutation.file).read_text(encoding="utf-8")
    assert text.count(mutation.protection) == 1
    assert (REPOSITORY / mutation.test.partition("::")[0]).is_file()


def test_the_page_has_them() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    for fault in FAULTS:
        assert f"| {fault.number} | {fault.name} |" in page
