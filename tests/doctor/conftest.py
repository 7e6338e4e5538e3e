"""A checkout for `lockstep doctor`, without shared stores unless a test configures some."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.workspaces import git


@pytest.fixture(scope="module")
def checkout(make_workspace: Callable[..., Path]) -> Path:
    return make_workspace(name="stores", until="download")


@pytest.fixture
def root(checkout: Path) -> Iterator[Path]:
    """A checkout without remotes."""
    first = git(checkout, "rev-parse", "HEAD").strip()
    yield checkout
    git(checkout, "reset", "-q", "--hard", first)
    (checkout / ".dvc" / "config.local").unlink(missing_ok=True)
    for name in git(checkout, "remote").split():
        git(checkout, "remote", "remove", name)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    def change(values: dict[str, str]) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return change
