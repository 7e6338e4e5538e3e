"""versions.txt: the versions of the libraries that affect results; stages depend on it."""

import re
import sys
from importlib.metadata import version
from pathlib import Path

from lockstep.errors import MachineError
from lockstep.storage.atomic_files import write_text

FILE = "versions.txt"
LIBRARIES = ("keras", "numpy", "tensorflow")
HEAD = "# Versions that decide a result's bits: stages depend on them. Written by `make lock`.\n"


def check_versions(root: Path) -> None:
    """Raise MachineError if an installed library's version differs from versions.txt.

    Without the file any version is accepted.
    """
    file = root / FILE
    if not file.exists():
        return
    for name, wanted in _pinned(file.read_text(encoding="utf-8")).items():
        if version(name) != wanted:
            raise MachineError(
                f"{FILE}: {name} {version(name)} is installed, expected {wanted}: `make env` "
                "installs it; to change versions edit pyproject.toml, then `make lock`"
            )


def write_versions(root: Path) -> None:
    """Write versions.txt, with the versions in requirements.lock."""
    pinned = _pinned((root / "requirements.lock").read_text(encoding="utf-8"))
    write_text(root / FILE, HEAD + "".join(f"{name}=={pinned[name]}\n" for name in LIBRARIES))


def _pinned(text: str) -> dict[str, str]:
    """The versions by library, from lines such as `keras==3.15.1`."""
    return dict(re.findall(r"^([\w-]+)==([^\s;]+)", text, re.MULTILINE))


if __name__ == "__main__":
    write_versions(Path(sys.argv[1]))
