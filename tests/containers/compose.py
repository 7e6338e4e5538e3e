"""Read compose.yaml: its services, with the values of .env put in."""

import re
import shlex
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@dataclass(frozen=True)
class Service:
    """One service: what it runs, with which variables, and what is mounted in it."""

    name: str
    settings: dict[str, Any]
    configs: dict[str, Any]

    @property
    def words(self) -> list[str]:
        return as_words(self.settings["command"])

    @property
    def entrypoint(self) -> list[str] | None:
        given = self.settings.get("entrypoint")
        return None if given is None else as_words(given)

    @property
    def variables(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.settings.get("environment", {}).items()}

    @property
    def volumes(self) -> dict[str, str]:
        """The name of the volume at each path in the container."""
        split = (each.split(":") for each in self.settings.get("volumes", []))
        return {target: name for name, target, *_ in split}

    @property
    def files(self) -> dict[str, dict[str, str]]:
        """The config, a file's path or its content, at each path in the container."""
        found = self.settings.get("configs", [])
        return {each["target"]: self.configs[each["source"]] for each in found}

    @property
    def health(self) -> list[str]:
        """The command of the health check; none has an empty one."""
        kind, *words = self.settings.get("healthcheck", {}).get("test", ["CMD"])
        assert kind == "CMD"
        return words

    @property
    def needed(self) -> dict[str, str]:
        """The services that must have started before, and the state that each must be in."""
        found = self.settings.get("depends_on", {})
        return {name: each["condition"] for name, each in found.items()}


def read_services(file: Path, values: dict[str, str]) -> list[Service]:
    """Read the services, in an order in which each comes after those that it depends on."""
    content = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    content = interpolated(content, values)
    made = {
        name: Service(name, settings, content["configs"])
        for name, settings in content["services"].items()
    }
    order = TopologicalSorter({name: each.needed for name, each in made.items()})
    return [made[name] for name in order.static_order()]


def interpolated(content: Any, values: dict[str, str]) -> Any:
    """Replace ${NAME}, ${NAME:-default} and ${NAME:?error} in every text."""
    if isinstance(content, dict):
        return {key: interpolated(value, values) for key, value in content.items()}
    if isinstance(content, list):
        return [interpolated(value, values) for value in content]
    if isinstance(content, str):
        return VARIABLE.sub(lambda found: value_of(found, values), content)
    return content


def value_of(found: re.Match[str], values: dict[str, str]) -> str:
    name, kind, other = found.groups()
    if kind == "-":
        return values.get(name) or other
    return values[name]


def as_words(command: str | list[str]) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else [str(each) for each in command]
