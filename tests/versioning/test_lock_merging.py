"""Two dvc.lock are merged stage by stage, as git calls it: alone, by any Python."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lockstep.versioning import lock_merging
from lockstep.versioning.lock_merging import merged
from tests.support.workspaces import run

HEAD = "schema: '2.0'\nstages:\n"


def lock(**stages: str) -> str:
    """A dvc.lock in which each stage has made these outputs."""
    return HEAD + "".join(
        f"  {name}:\n    cmd: make {name}\n    outs:\n    - path: {name}\n      md5: {md5}\n"
        for name, md5 in stages.items()
    )


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        (lock(a="1"), lock(a="2"), lock(a="1"), lock(a="2")),
        (lock(a="1"), lock(a="1"), lock(a="2"), lock(a="2")),
        (lock(a="1"), lock(a="2"), lock(a="3"), lock(a="2")),
        (lock(a="1", b="1"), lock(a="2", b="1"), lock(a="1", b="2"), lock(a="2", b="2")),
        (lock(a="1"), lock(a="1", b="1"), lock(a="1", c="1"), lock(a="1", b="1", c="1")),
        (lock(a="1", b="1"), lock(a="1"), lock(a="2", b="1"), lock(a="2")),
        ("", lock(a="1"), lock(a="2", b="2"), lock(a="1", b="2")),
        (lock(a="1"), f"{HEAD.strip()} {{}}\n", lock(a="1", b="2"), lock(b="2")),
        (lock(a="1"), lock(a="2"), lock(a="3")[:-9], lock(a="2")),
        (lock(a="1"), "<<<<<<< ours\n" + lock(a="2"), lock(a="3"), lock(a="3")),
        (lock(a="1"), "", "", ""),
    ],
    ids=[
        "ours changed", "theirs changed", "both changed", "different stages", "new stages",
        "removed", "no base", "without stages", "theirs cut", "ours marked", "none whole",
    ],
)  # fmt: skip
def test_each_entry_is_of_the_side_that_changed_it(
    base: str, ours: str, theirs: str, expected: str
) -> None:
    assert merged(base, ours, theirs) == expected


@pytest.mark.parametrize(("theirs", "code"), [(lock(a="1", b="2"), 0), ("", 0), (None, 1)])
def test_it_runs_without_the_project(tmp_path: Path, theirs: str | None, code: int) -> None:
    script = tmp_path / "alone.py"
    shutil.copy(lock_merging.__file__, script)
    files = [tmp_path / name for name in ("base", "ours", "theirs")]
    texts = ("", "", "") if theirs is None else (lock(a="1"), lock(a="1"), theirs)
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    ended = run(tmp_path, "python3", "-I", str(script), *map(str, files))
    assert (ended.returncode, ended.stdout) == (code, "")
    assert files[1].read_text() == (theirs or texts[1])


def test_it_runs_by_an_old_python() -> None:
    """Nothing newer than Python 3.9 is used."""
    source = Path(lock_merging.__file__).read_text()
    command = ["ruff", "check", "--quiet", "--isolated", "--target-version", "py39", "-"]
    checked = subprocess.run(command, input=source, text=True, capture_output=True)
    assert (checked.returncode, checked.stdout) == (0, "")
