"""`make audit`: its exceptions have a reason and an end; what wasn't compared is no success."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.workspaces import REPOSITORY

TODAY = date(2026, 12, 1)
GOOD = {"id": "CVE-1", "reason": "not called", "until": date(2026, 12, 31)}
FLASK = {"name": "flask", "version": "1", "vulns": [
    {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"]},
]}  # fmt: skip


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", REPOSITORY / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, ""),
        ({"until": date(2026, 11, 30)}, "CVE-1: the exception ended on 2026-11-30: not called"),
        ({"reason": " "}, "CVE-1: expected a reason"),
        ({"until": "soon"}, "CVE-1: expected id, reason and until"),
        ({"until": None}, "CVE-1: expected id, reason and until"),
    ],
)
def test_an_exception_says_why_and_until_when(
    audit: ModuleType, changes: dict[str, Any], line: str
) -> None:
    each = {key: value for key, value in (GOOD | changes).items() if value is not None}
    lines = audit.wrong_exceptions([each], TODAY)
    assert len(lines) == bool(line)
    assert not line or lines[0].startswith(line)


def test_an_advisory_is_known_by_any_of_its_names(audit: ModuleType) -> None:
    assert audit.vulnerable("x.lock", [FLASK], {"CVE-1"}) == ([], {"CVE-1"})
    lines, _ = audit.vulnerable("x.lock", [FLASK], {"CVE-2"})
    assert lines == ["x.lock: flask 1: PYSEC-1, fixed in 2"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "audit.toml").write_text("")
    (tmp_path / "requirements.lock").write_text("")
    return tmp_path


@pytest.fixture
def answers(
    audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Let a program in the place of pip-audit write an answer."""

    def answer(text: str) -> None:
        (tmp_path / "answer.json").write_text(text)
        code = f"print(open({str(tmp_path / 'answer.json')!r}).read())"
        monkeypatch.setattr(audit, "COMMAND", [sys.executable, "-c", code])

    return answer


@pytest.mark.parametrize(
    ("answer", "code", "line"),
    [
        ("ConnectionError", 75, "the advisories can't be reached, nothing was compared"),
        ([{"name": "flask", "skip_reason": "not on PyPI"}], 75, "no package was found"),
        ([{**FLASK, "vulns": []}, {"name": "x", "skip_reason": "not on PyPI"}], 1, "not on PyPI"),
        ([FLASK], 1, "flask 1: PYSEC-1, fixed in 2"),
        ([{**FLASK, "vulns": []}], 0, "1 packages, 0 exceptions, no other advisory"),
    ],
    ids=["out of reach", "all unknown", "one unknown", "vulnerable", "good"],
)
def test_what_is_not_compared_is_no_success(
    audit: ModuleType,
    project: Path,
    answers: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    answer: Any,
    code: int,
    line: str,
) -> None:
    answers(answer if isinstance(answer, str) else json.dumps({"dependencies": answer}))
    assert audit.main(project) == code
    assert line in capsys.readouterr().out


def test_the_exceptions_of_today_are_good(audit: ModuleType) -> None:
    import tomllib

    listed = tomllib.loads((REPOSITORY / ".ci" / "audit.toml").read_text()).get("exceptions", [])
    assert audit.wrong_exceptions(listed, date.today()) == []


def test_security_md_says_what_is_trusted() -> None:
    text = (REPOSITORY / "SECURITY.md").read_text()
    for line in ("Parameters and data are untrusted", "lock files are trusted", "models of others"):
        assert line in text
    assert subprocess.run(["grep", "-q", "^## Report", REPOSITORY / "SECURITY.md"]).returncode == 0
