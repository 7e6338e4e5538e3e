"""Where LOCKSTEP_STRICT_SKIPS is set, a skip that isn't on the list fails the run."""

from pathlib import Path

import pytest

from tests.support.workspaces import REPOSITORY, run

TESTS = """
import pytest
from tests.conftest import pytest_sessionfinish

@pytest.mark.parametrize("reason", REASONS)
def test_a(reason):
    pytest.skip(reason)
"""
ALLOWED, ODD = "this user can't mount a small disk: must be superuser", "no browser here"


@pytest.mark.parametrize(
    ("reasons", "strict", "code"),
    [([ALLOWED], "1", 0), ([ALLOWED, ODD], "1", 1), ([ALLOWED, ODD], "", 0)],
)
def test_a_skip_is_a_failure(tmp_path: Path, reasons: list[str], strict: str, code: int) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_sessionfinish\n")
    (tmp_path / "test_a.py").write_text(TESTS.replace("REASONS", repr(reasons)))
    command = ["pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "."]
    ended = run(tmp_path, *command, PYTHONPATH=str(REPOSITORY), LOCKSTEP_STRICT_SKIPS=strict)
    assert ended.returncode == code, ended.stdout
    assert ("aren't on the list: Skipped: no browser here" in ended.stdout) == (code == 1)
