"""After LOCKSTEP_TESTS_END no test starts, and no fixture of one."""

import time
from pathlib import Path

import pytest

from tests.support.time_limit import VARIABLE
from tests.support.workspaces import REPOSITORY, run

CONFTEST = (
    "from tests.support.time_limit import pytest_collection_modifyitems, pytest_runtest_setup\n"
)
TEST = """
import pathlib
import pytest

@pytest.fixture(scope="module")
def made():
    pathlib.Path("made").touch()

def test_a(made):
    pass
"""


@pytest.mark.parametrize(("seconds", "said"), [(-1, "1 skipped"), (1000, "1 passed")])
def test_none_starts_when_the_time_is_over(tmp_path: Path, seconds: int, said: str) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_a.py").write_text(TEST)
    command = ["pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "."]
    ended = run(
        tmp_path, *command,
        **{"PYTHONPATH": str(REPOSITORY), VARIABLE: str(time.time() + seconds)},
    )  # fmt: skip
    assert said in ended.stdout
    assert (tmp_path / "made").exists() == (seconds > 0)
