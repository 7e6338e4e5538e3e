"""What a sweep and its slots tell each other: a line of JSON for each message, over a socket."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a slot is to do: bring the stages up to `until`, that one included, up to date.

    `assignments` are the preset's changes and then the overrides; the name of the experiment that
    is saved is made from the labels.
    """

    assignments: tuple[str, ...]
    labels: tuple[str, ...]
    until: str
    saved: bool = True
    objective: str | None = None
    parent: str = ""  # the MLflow run of the sweep
    number: int | None = None


@dataclass(frozen=True)
class Answer:
    """How it ended, and what it has written."""

    state: str
    reason: str = ""
    exit_code: int = 0
    experiment: str = ""
    key: str = ""
    history: dict[str, float] = field(default_factory=dict)  # of the objective, by epoch
    value: float | None = None
    test: dict[str, float | None] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # the hashes of those it was made from
    restart: bool = False  # the process may have been left in a bad state


class Line:
    """One end of the connection."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._reading = end.makefile("r", encoding="utf-8")

    def send(self, message: Any) -> None:
        """Send a message; raises OSError if the other end is gone."""
        self._socket.sendall(f"{json.dumps(message)}\n".encode())

    def receive(self) -> Any:
        """Return the next message, or None if the other end is gone."""
        try:
            line = self._reading.readline()
        except OSError:
            return None
        return json.loads(line) if line.endswith("\n") else None

    def close(self) -> None:
        """Close this end; another thread that waits for a message gets None."""
        with suppress(OSError):  # the other end is gone
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reading.close()
        self._socket.close()


def request_in(message: dict[str, Any]) -> Request:
    """Return the request in a message."""
    lists = {name: tuple(message[name]) for name in ("assignments", "labels")}
    return Request(**{**message, **lists})
