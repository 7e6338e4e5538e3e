"""Run the services of compose.yaml as plain processes, each with files of its own."""

import contextlib
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.containers.compose import Service
from tests.containers.image import Image
from tests.containers.root import end
from tests.containers.stores import host_image, make_cluster
from tests.support.waiting import SLOWEST

OWN_IMAGE = "lockstep:"


@dataclass
class Running:
    """A service's process, its output, and the command that does its health check."""

    service: Service
    process: subprocess.Popen[bytes]
    output: Path
    health: list[str]

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + SLOWEST * 120
        while (checked := subprocess.run(self.health, capture_output=True, text=True)).returncode:
            said = f"{self.service.name}: {self.output.read_text()}{checked.stdout}{checked.stderr}"
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.5)


class Stack:
    """Starts services in a folder, which gets a folder for each volume and each output."""

    def __init__(self, image: Image, folder: Path, project: Path) -> None:
        self.image, self.folder, self.project = image, folder, project
        self.stores = host_image(folder / "host")
        self.running: dict[str, Running] = {}

    def start(self, service: Service) -> None:
        """Start a service once those that it depends on are as it needs them."""
        for name, condition in service.needed.items():
            if condition == "service_healthy":
                self.running[name].wait_until_healthy()
        binds = {"/etc/hosts": self.folder / "hosts", **self._files(service)}
        for target, name in service.volumes.items():
            binds[target] = self._volume(service, name)
        if service.name == "postgres":
            make_cluster(self.stores, service, binds, user_of(service))
        output = self.folder / f"{service.name}.log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                self._command(service, service.words, binds, service.entrypoint),
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        health = self._command(service, service.health or ["true"], binds, [])
        self.running[service.name] = Running(service, process, output, health)

    def stop(self) -> None:
        """End every service with all of its processes."""
        for each in self.running.values():
            end(each.process)

    def _command(
        self,
        service: Service,
        words: list[str],
        binds: Mapping[str, Path],
        entrypoint: list[str] | None,
    ) -> list[str]:
        own = service.settings["image"].startswith(OWN_IMAGE)
        return (self.image if own else self.stores).container(
            words,
            binds,
            variables=service.variables,
            entrypoint=entrypoint,
            user=user_of(service),
            folder=service.settings.get("working_dir", ""),
        )

    def _volume(self, service: Service, name: str) -> Path:
        """The folder of a volume; a new one belongs to the first service's user."""
        folder = self.folder / "volumes" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            user, group = user_of(service).split(":")
            shutil.chown(folder, int(user), int(group))
        return folder

    def _files(self, service: Service) -> dict[str, Path]:
        found = {}
        for target, config in service.files.items():
            if "file" in config:
                found[target] = self.project / config["file"]
            else:
                found[target] = self.folder / Path(target).name
                found[target].write_text(config["content"], encoding="utf-8")
        return found


def user_of(service: Service) -> str:
    """The user whom the image or compose.yaml names; Debian's, for PostgreSQL and Redis."""
    name = {"postgres": "postgres", "redis": "redis", "store": "nobody"}.get(service.name)
    if name is None:
        return str(service.settings.get("user", "1000:1000"))
    found = pwd.getpwnam(name)
    return f"{found.pw_uid}:{found.pw_gid}"


@contextlib.contextmanager
def started(image: Image, services: list[Service], folder: Path, project: Path) -> Iterator[Stack]:
    """Start services in their order, and yield once all are healthy."""
    # Addresses of their own, so that a server that listens on its own loopback alone isn't reached.
    lines = [f"127.0.1.{number} {each.name}" for number, each in enumerate(services, 1)]
    (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]), encoding="utf-8")
    stack = Stack(image, folder, project)
    try:
        for service in services:
            stack.start(service)
        for each in stack.running.values():
            each.wait_until_healthy()
        yield stack
    finally:
        stack.stop()
