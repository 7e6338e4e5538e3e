"""Run commands in a root directory that consists of layers, as a container engine does.

A command gets its own mounts and processes from `unshare`; both vanish with it.
"""

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# A proxy of this machine may have a certificate of its own.
CERTIFICATES, CERTIFICATES_INSIDE = Path("/etc/ssl/certs/ca-certificates.crt"), "run/host.crt"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def end(process: "subprocess.Popen[Any]") -> None:
    """Kill a command of a Root, and with it every process that it has started.

    The kernel ends a namespace's processes with its first one, the child of `unshare`. To kill
    `unshare` isn't enough: a change of user clears the signal that its --kill-child asks for.
    """
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in children.read_text().split() if children.exists() else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    process.kill()
    process.wait()


@dataclass(frozen=True)
class Root:
    """Layers of files, the lowest first, and the folder in which each command mounts them.

    With `upper`, a command may write, and what it writes is put there.
    """

    layers: Sequence[Path]
    mountpoint: Path
    upper: Path | None = None
    binds: Mapping[str, Path] = field(default_factory=dict)

    def command(
        self, words: Sequence[str], variables: Mapping[str, str], folder: str, user: str = "0:0"
    ) -> list[str]:
        """The command that runs `words` there, as a user and in a folder of that root."""
        enter = ["chroot", f"--userspec={user}", "--groups=", str(self.mountpoint)]
        enter += ["env", "-i", "-C", folder, *(f"{name}={it}" for name, it in variables.items())]
        lines = [*map(shlex.join, self._mounts()), f'exec {shlex.join(enter)} "$@"']
        shares = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*shares, "sh", "-ec", "\n".join(lines), "sh", *words]

    def run(self, words: Sequence[str], variables: Mapping[str, str], folder: str) -> None:
        """Run a command as root; raises AssertionError with its output if it fails."""
        command = self.command(words, variables, folder)
        ended = subprocess.run(command, capture_output=True, text=True)
        assert ended.returncode == 0, f"{' '.join(words)}\n{ended.stdout}{ended.stderr}"

    def _mounts(self) -> list[list[str]]:
        at = self.mountpoint
        lower = ":".join(str(layer) for layer in reversed(self.layers))
        options = f"lowerdir={lower}"
        if self.upper:
            work = self.upper.with_name(f"{self.upper.name}-work")
            work.mkdir(exist_ok=True)
            # Without syncs to the disk: a layer that a crash interrupts is of no use.
            options += f",upperdir={self.upper},workdir={work},volatile"
        mounts = [
            ["mount", "-t", "overlay", "overlay", "-o", options, str(at)],
            ["mount", "-t", "proc", "proc", str(at / "proc")],
            ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(at / "run")],
            *self._devices(),
        ]
        if not self.upper:  # a read-only root has no other place for temporary files
            mounts.append(
                ["mount", "-t", "tmpfs", "-o", "mode=1777,noexec", "tmpfs", str(at / "tmp")]
            )
        binds = {"etc/resolv.conf": Path("/etc/resolv.conf"), **self.binds}
        if CERTIFICATES.exists():
            mounts.append(["touch", str(at / CERTIFICATES_INSIDE)])
            binds[CERTIFICATES_INSIDE] = CERTIFICATES
        return mounts + [["mount", "--bind", str(it), str(at / to)] for to, it in binds.items()]

    def _devices(self) -> list[list[str]]:
        folder = self.mountpoint / "dev"
        nodes = [str(folder / name) for name in DEVICES]
        return [
            ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder)],
            ["mkdir", "-m", "1777", str(folder / "shm")],
            ["touch", *nodes],
            *(["mount", "--bind", f"/dev/{name}", str(folder / name)] for name in DEVICES),
            ["ln", "-s", "/proc/self/fd", str(folder / "fd")],
        ]
