"""versions.txt: the versions of the libraries that affect results; stages depend on it."""

import re
import sys
from importlib.metadata import version
from pathlib import Path

from lockstep.errors import MachineError
from lockstep.storage.atomic_files import write_text

FILE = "versions.txt"
PINNED = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)
LIBRARIES = ("keras", "numpy", "tensorflow")
HEAD = "# Versions that decide a result's bits: stages depend on them. Written by `make lock`.\n"


def check_versions(root: Path) -> None:
    """Raise MachineError if an installed library's version differs from versions.txt.

    Without the file any version is accepted.
    """
    file = root / FILE
    if not file.exists():
        return
    for name, wanted in pinned(file.read_text(encoding="utf-8")).items():
        if version(name) != wanted:
            raise MachineError(
                f"{FILE}: {name} {version(name)} is installed, expected {wanted}: `make env` "
                "installs it; to change versions edit pyproject.toml, then `make lock`"
            )


def write_versions(root: Path) -> None:
    """Write versions.txt, with the versions in requirements.lock."""
    locked = pinned((root / "requirements.lock").read_text(encoding="utf-8"))
    write_text(root / FILE, HEAD + "".join(f"{name}=={locked[name]}\n" for name in LIBRARIES))


def pinned(text: str) -> dict[str, str]:
    """Return the version of each library, from lines such as `keras==3.15.1`.

    Several versions of one, for different machines, are separated by commas.
    """
    found: dict[str, list[str]] = {}
    for name, wanted in PINNED.findall(text):
        found.setdefault(name, []).append(wanted)
    return {name: ", ".join(dict.fromkeys(each)) for name, each in found.items()}


if __name__ == "__main__":
    write_versions(Path(sys.argv[1]))
