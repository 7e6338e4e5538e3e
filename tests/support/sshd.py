"""A real sshd of this user, by default on the loopback, with keys made for one test."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.ports import free_port
from tests.support.waiting import until

SETTINGS = """\
ListenAddress {host}
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile {folder}/pid
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""


class Sshd(NamedTuple):
    """A server, and what a client of it needs."""

    host: str
    port: int
    key: Path  # the user's private key
    known_hosts: Path

    def address(self, path: Path) -> str:
        """Return the address of a folder, for a remote."""
        return f"ssh://{getpass.getuser()}@{self.host}:{self.port}{path}"


@contextmanager
def sshd(folder: Path, host: str = "127.0.0.1") -> Iterator[Sshd]:
    """Start sshd in the foreground, with its keys, settings and log in a folder."""
    folder.mkdir(parents=True)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    port = free_port()
    known = folder / "known_hosts"
    known.write_text(f"[{host}]:{port} {(folder / 'host.pub').read_text()}")
    (folder / "config").write_text(SETTINGS.format(host=host, port=port, folder=folder))
    if os.geteuid() == 0:  # sshd of root wants it for its separation of privileges
        Path("/run/sshd").mkdir(exist_ok=True)
    # It starts itself again by its path, so it refuses a relative one.
    command = [_program(), "-D", "-f", str(folder / "config"), "-E", str(folder / "log")]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        until(lambda: _answers(process, host, port), 30)
        yield Sshd(host, port, folder / "user", known)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _program() -> str:
    # Debian keeps it where the PATH of users doesn't lead.
    found = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, "expected the Debian package openssh-server"
    return found


def _answers(process: subprocess.Popen[bytes], host: str, port: int) -> bool:
    assert process.poll() is None
    with suppress(OSError), socket.create_connection((host, port), 1):
        return True
    return False
