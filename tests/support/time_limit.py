"""Let a test run end in time: LOCKSTEP_TESTS_END is when its last test may start.

The files run in an order that the commit draws, so that each has its turn over a few commits.
"""

import hashlib
import os
import time

import pytest

from tests.support.workspaces import REPOSITORY, git

VARIABLE = "LOCKSTEP_TESTS_END"  # seconds since 1970
OVER = "the time for tests is over"
END = float(os.environ.get(VARIABLE, "inf"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if float("inf") > END:
        commit = git(REPOSITORY, "rev-parse", "HEAD")
        items.sort(key=lambda item: hashlib.sha256(f"{commit}{item.path.name}".encode()).digest())


@pytest.hookimpl(tryfirst=True)  # before fixtures are made
def pytest_runtest_setup() -> None:
    if time.time() > END:
        pytest.skip(OVER)
