"""The Python environment of a rebuild: this one if it has the recorded versions, or a new one."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lockstep.process import console
from lockstep.storage import atomic_files, layout

PINNED = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)
LIST = (
    "import importlib.metadata as m, json; "
    "print(json.dumps({d.name.lower().replace('_', '-'): d.version for d in m.distributions()}))"
)


class Environment(NamedTuple):
    """An interpreter, what it is in words, and its packages' versions."""

    python: Path
    description: str
    versions: dict[str, str]


def prepare(clone: Path) -> Environment:
    """Return an environment with the versions of the clone's requirements.lock.

    It is this process's if that has them; otherwise a new one, made by uv. If that fails, it is
    this process's all the same, and the description says so.
    """
    here, lock = Path(sys.executable), clone / layout.REQUIREMENTS
    installed = _installed(here)
    if not lock.exists():
        return Environment(here, f"the installed one: no {lock.name} was recorded", installed)
    name = f"{lock.name} with sha256 {atomic_files.sha256(lock)}"
    other = _differing(lock.read_text(encoding="utf-8"), installed)
    if not other:
        return Environment(here, f"{name}, which is installed here", installed)
    console.say(f"making the environment of {name}: {len(other)} packages differ here")
    problem = _install(lock, clone / ".venv")
    if problem:
        text = f"the installed one, since {name} couldn't be installed ({problem})"
        return Environment(here, f"{text}; other versions: {', '.join(other)}", installed)
    python = clone / ".venv" / "bin" / "python"
    return Environment(python, f"{name}, installed for this", _installed(python))


def differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return lines for the recorded versions or settings that differ from those of now."""
    return [
        f"{name}: recorded {value}, here {now.get(name, 'none')}"
        for name, value in recorded.items()
        if now.get(name) != value
    ]


def _differing(lock: str, installed: Mapping[str, str]) -> list[str]:
    """The packages of a lock file that are installed in another version.

    Those that aren't installed are of extras that a rebuild doesn't need.
    """
    pinned: dict[str, set[str]] = {}
    for name, version in PINNED.findall(lock):
        pinned.setdefault(name.lower().replace("_", "-"), set()).add(version)
    return [
        name for name, known in pinned.items() if name in installed and installed[name] not in known
    ]


def _installed(python: Path) -> dict[str, str]:
    answer = subprocess.run([python, "-P", "-c", LIST], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(answer.stdout)
    return found


def _install(lock: Path, folder: Path) -> str:
    """Make a virtual environment of a lock file; return why it failed, or an empty text."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        return "uv isn't installed"
    python = folder / "bin" / "python"
    make = [uv, "venv", "--quiet", "--python", sys.executable, str(folder)]
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps"]
    for command in (make, [*install, "--require-hashes", "-r", str(lock)]):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            return " ".join(ended.stderr.split())[:300]
    return ""
