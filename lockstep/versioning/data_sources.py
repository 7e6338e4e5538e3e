"""The user's own data that `dvc add` has recorded in a .dvc file."""

from pathlib import Path

from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage, Stage

from lockstep.errors import DataError
from lockstep.versioning.repository import open_repository, read_repository


def source_outputs(repo: Repo) -> list[Output]:
    """Return what .dvc files record."""
    return [out for stage in repo.index.stages if is_source(stage) for out in stage.outs]


def is_source(stage: Stage) -> bool:
    """Return whether a stage is a .dvc file, which has no name and runs no command."""
    return not isinstance(stage, PipelineStage)


def is_recorded(root: Path, path: str) -> bool:
    """Return whether a .dvc file records this path, or a folder that it lies in."""
    with read_repository(root) as repo:
        return bool(_outputs_with(repo, root / path))


def require_as_recorded(root: Path, path: str) -> None:
    """Raise DataError if data that a .dvc file records aren't there, or have changed since."""
    with open_repository(root) as repo:
        for out in _outputs_with(repo, root / path):
            file = out.stage.relpath
            if not out.exists:
                raise DataError(
                    f"{out}: not here, but {file} records it; `dvc pull {out}` brings it"
                )
            if out.workspace_status():
                raise DataError(
                    f"{out}: got other data than {file} records, expected the same; `dvc add {out}`"
                    f" records them, `dvc checkout --force {out}` restores those that were recorded"
                )


def _outputs_with(repo: Repo, path: Path) -> list[Output]:
    return [out for out in source_outputs(repo) if path.is_relative_to(out.fs_path)]
