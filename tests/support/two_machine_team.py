"""Two machines with servers, workers and a checkout each, set up by docs/two-machines.md."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.containers.network import network_of
from tests.support.machines import Machine, two_machines
from tests.support.page_commands import Page
from tests.support.postgresql import postgresql
from tests.support.s3_store import KEY, s3_store
from tests.support.served import Served, started
from tests.support.sshd import sshd
from tests.support.workspaces import git, run

SECRETS = {
    "PGPASSWORD": "horse-of-the-database",
    "MLFLOW_TRACKING_PASSWORD": "correct-horse",
    "AUTH_STRING": "admin:battery-staple",
    "TENSORBOARD_PASSWORD": "of-a-long-length",
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": "stable-of-the-store",
}


@dataclass
class Team:
    """Two machines, of which the second sees its checkout `other` in the place of the first's.

    This process is in the first machine's network.
    """

    folder: Path
    second: Machine
    page: Page

    def __post_init__(self) -> None:
        self.place, self.other = self.folder / "first" / "clone", self.folder / "second" / "clone"
        self.origin = self.folder / "experiments.git"

    def on_first(self, *lines: str) -> str:
        """Run lines in a shell of the first machine, and return the output."""
        return _output(run(self.folder, *_shell(lines)))

    def on_second(self, *lines: str) -> str:
        """Run lines in a shell of the second machine, and return the output."""
        return _output(run(self.folder, *self._with_checkout(lines)))

    def elsewhere(self, *lines: str) -> str:
        """Run lines in a shell of the second machine that doesn't see its checkout."""
        return _output(run(self.folder, *self.second.command(*_shell(lines))))

    def cloned(self, place: Path) -> list[str]:
        """The lines that clone the project; its environment is that of the tests."""
        clone, _, *rest = self.page.take("A clone on each machine")
        environment = "mkdir -p .venv/bin && touch .venv/bin/activate"
        return [clone.replace(str(self.place), str(place)), f"cd {place}", environment, *rest]

    @contextmanager
    def servers(self) -> Iterator[Served]:
        """The servers and the worker of the first machine."""
        create, up = (self.page.take("The servers", number) for number in (0, 1))
        keys = self.page.take("In S3", 1)
        with started(self.place, *_shell([*keys, *create, *up[:-1], f"exec {up[-1]}"])) as served:
            served.wait_for("the servers are ready")
            yield served

    @contextmanager
    def worker(self, *lines: str) -> Iterator[None]:
        """The worker of the second machine, with its log in the folder."""
        command = self._with_checkout([*lines[:-1], f"exec {lines[-1]}"])
        with (self.folder / "worker.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)

    def _with_checkout(self, lines: list[str] | tuple[str, ...]) -> list[str]:
        return self.second.command_with(self.other, self.place, *_shell(lines))


@contextmanager
def machines(source: Path, folder: Path, page: Page) -> Iterator[Team]:
    """Machines with what the page expects: PostgreSQL, sshd, an S3 store, and a git remote."""
    with ExitStack() as stack:
        first, second = stack.enter_context(two_machines())
        stack.enter_context(network_of(first.name))
        stack.enter_context(postgresql(SECRETS["PGPASSWORD"]))
        ssh = stack.enter_context(sshd(folder / "sshd", first.address))
        secret = SECRETS["AWS_SECRET_ACCESS_KEY"]
        s3 = stack.enter_context(s3_store(folder / "s3", secret, first.address))
        team = Team(folder, second, page)
        team.other.mkdir(parents=True)
        git(folder, "clone", "-q", "--bare", str(source), str(team.origin))
        page.values = {
            **{f"{name}=...": f"{name}={value}" for name, value in SECRETS.items()},
            "AUTH_STRING=admin:...": f"AUTH_STRING={SECRETS['AUTH_STRING']}",
            "https://example.org/you/experiments.git": str(team.origin),
            "ssh://me@10.0.0.7/srv/store": ssh.address(folder / "store"),
            "https://s3.example.org": s3.endpoint,
            "/srv/store": str(folder / "store"),
            "/home/me/.ssh/store": str(ssh.key),
            "/home/me/lockstep": str(team.place),
            "10.0.0.7": first.address,
        }
        yield team


def _shell(lines: list[str] | tuple[str, ...]) -> list[str]:
    return ["bash", "-ec", "\n".join(lines)]


def _output(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 0, ended.stdout
    return ended.stdout
