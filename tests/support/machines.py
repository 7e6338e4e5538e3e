"""Two machines with a network between them: network namespaces, which root can make."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

REACHABLE = "LOCKSTEP_REACHABLE"  # the addresses that tests may connect to


class Machine(NamedTuple):
    """A network namespace; it sees the files and processes of this machine."""

    name: str
    address: str

    def command(self, *command: str) -> list[str]:
        """Return a command that runs another one in the namespace."""
        return ["ip", "netns", "exec", self.name, *command]

    def command_with(self, folder: Path, place: Path, *command: str) -> list[str]:
        """Return such a command, which sees a folder in place of another one."""
        mount = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
        return self.command("sh", "-c", mount, "sh", str(folder), str(place), *command)


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Make two namespaces that reach each other, and nothing else."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("this user can't make network namespaces")
    pair = tuple(Machine(f"lockstep-{os.getpid()}-{n}", f"10.213.77.{n}") for n in (1, 2))
    os.environ[REACHABLE] = ",".join(each.address for each in pair)
    try:
        for each in pair:
            _ip("netns", "add", each.name)
        first, second = (["netns", each.name] for each in pair)
        _ip("link", "add", "wire", *first, "type", "veth", "peer", "name", "wire", *second)
        for each in pair:
            _ip("-n", each.name, "addr", "add", f"{each.address}/24", "dev", "wire")
            for link in ("lo", "wire"):
                _ip("-n", each.name, "link", "set", link, "up")
        yield pair[0], pair[1]
    finally:
        del os.environ[REACHABLE]
        for each in pair:
            subprocess.run(["ip", "netns", "delete", each.name], check=False, capture_output=True)


def cut(machine: Machine) -> None:
    """Take the network from a machine."""
    _ip("-n", machine.name, "link", "set", "wire", "down")


def join(machine: Machine) -> None:
    """Give it back."""
    _ip("-n", machine.name, "link", "set", "wire", "up")


def _ip(*command: str | Sequence[str]) -> None:
    subprocess.run(["ip", *command], check=True, capture_output=True)  # type: ignore[list-item]
