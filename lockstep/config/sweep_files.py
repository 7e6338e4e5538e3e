"""A sweep in a file, sweeps/NAME.yaml: its overrides and options."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from lockstep.config.search_space import as_text
from lockstep.config.validation import explain
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import ParamsError
from lockstep.messages import choice

FOLDER = Path("sweeps")


class SweepFile(BaseModel):
    """The keys of such a file: those of the command's options, and `overrides`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    overrides: dict[str, Any]
    preset: str | None = None
    trials: int | None = None
    parallel: int | None = None
    sampler: str | None = None
    prune: str | None = None
    objective: str | None = None

    @property
    def assignments(self) -> list[str]:
        """The overrides as on the command line; a list has choices."""
        return [f"{key}={as_text(key, each)}" for key, each in self.overrides.items()]


def read(root: Path, name: str) -> SweepFile:
    """Return the sweep of a file; raises ParamsError for an unknown one or a mistake in it."""
    path = FOLDER / f"{name}.yaml"
    if name not in known(root):
        raise ParamsError(
            f"got {name!r}, expected key=values, or the name of a file in {FOLDER}/: "
            f"{choice(name, known(root) or ['none is there'])}"
        )
    try:
        return SweepFile.model_validate(read_yaml(root / path))
    except ValidationError as error:
        raise ParamsError(f"{path}: {explain(error, SweepFile)}") from None


def known(root: Path) -> list[str]:
    """Return the sorted names of the sweeps in files."""
    return sorted(each.stem for each in (root / FOLDER).glob("*.yaml"))
