"""What git answers doesn't depend on a user's settings and hooks."""

from pathlib import Path

import pytest

from lockstep.errors import MachineError
from lockstep.storage import git
from lockstep.storage.history import commits_with
from tests.support.workspaces import REPOSITORY
from tests.support.workspaces import git as by_hand

GPG = """#!/bin/sh
cat > /dev/null
echo "[GNUPG:] SIG_CREATED " >&2
echo "-----BEGIN PGP SIGNATURE-----"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder below the top of a repository, with a changed file of many lines."""
    folder = tmp_path / "below"
    folder.mkdir()
    file = folder / "file"
    file.write_text("\n".join(map(str, range(30))))
    by_hand(tmp_path, "init", "-q")
    by_hand(tmp_path, "add", ".")
    by_hand(tmp_path, "commit", "-qm", "Start")
    file.write_text(file.read_text().replace("15", "fifteen"))
    return folder


@pytest.mark.parametrize("setting", ["diff.context=0", "diff.relative=true"])
def test_a_patch_is_the_same_with_settings(folder: Path, setting: str) -> None:
    before = git.done(folder, "diff", "HEAD")
    by_hand(folder, "config", *setting.split("="))
    assert by_hand(folder, "diff", "HEAD") != before.decode()
    assert git.done(folder, "diff", "HEAD") == before


def test_signatures_are_not_taken_for_commits(folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "gpg"
    program.write_text(GPG)
    program.chmod(0o755)
    by_hand(folder, "config", "gpg.program", str(program))
    by_hand(folder, "config", "log.showSignature", "true")
    by_hand(folder, "commit", "-q", "-a", "-S", "-m", "Signed")
    assert len(by_hand(folder, "log", "--format=%H").splitlines()) > 2
    assert (
        commits_with(folder, Path("file"))
        == by_hand(folder, "rev-list", "--reverse", "HEAD").split()
    )


def test_no_hook_runs(folder: Path, tmp_path: Path) -> None:
    hook = tmp_path / ".git" / "hooks" / "reference-transaction"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    git.done(folder, "update-ref", "refs/exps/one", "HEAD")
    assert git.answer(folder, "rev-parse", "refs/exps/one")


def test_an_error_is_told_without_advice(folder: Path) -> None:
    with pytest.raises(MachineError, match=r"^\S+/below: git checkout: error: pathspec 'none' .*$"):
        git.done(folder, "checkout", "none")


def test_no_other_module_starts_git() -> None:
    sources = (
        file
        for name in ("lockstep", "pipelines", "tasks")
        for file in (REPOSITORY / name).rglob("*.py")
    )
    starts = [file.name for file in sources if '["git", ' in file.read_text(encoding="utf-8")]
    assert starts == ["git.py"]
