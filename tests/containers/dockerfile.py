"""Read a Dockerfile: its stages, and of each step the options and the words."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from dockerfile_parse import DockerfileParser
from dockerfile_parse.util import extract_key_values


@dataclass(frozen=True)
class Step:
    """One instruction: `options` are its --NAME=VALUE, `value` is the rest of the line."""

    name: str
    options: dict[str, str]
    value: str

    def words(self) -> list[str]:
        """The words of a COPY, or the command of a RUN, CMD or ENTRYPOINT."""
        if self.value.startswith("["):
            return [str(word) for word in json.loads(self.value)]
        return shlex.split(self.value) if self.name == "COPY" else ["sh", "-c", self.value]

    def variables(self, before: dict[str, str]) -> dict[str, str]:
        """The variables that an ENV sets, with `$NAME` replaced by the values before it."""
        return dict(extract_key_values(True, {}, before, self.value))


@dataclass(frozen=True)
class Stage:
    """A stage: `base` is another stage's name or an image's."""

    name: str
    base: str
    steps: list[Step]


def read_stages(folder: Path) -> dict[str, Stage]:
    """Read the Dockerfile in a folder; all of its stages have names."""
    stages: dict[str, Stage] = {}
    for line in DockerfileParser(str(folder / "Dockerfile")).structure:
        if line["instruction"] == "FROM":
            base, _, name = line["value"].split()
            stages[name] = Stage(name, base, [])
        elif line["instruction"] != "COMMENT":
            list(stages.values())[-1].steps.append(read_step(line["instruction"], line["value"]))
    return stages


def read_step(name: str, value: str) -> Step:
    options = {}
    while value.startswith("--"):
        option, _, value = value.partition(" ")
        key, _, given = option.removeprefix("--").partition("=")
        options[key], value = given, value.lstrip()
    return Step(name, options, value)
