"""DVC's cache of runs, which the runs of a checkout use at once.

DVC takes a file that another process is writing there for an entry: it reads it half-written,
removes it as damaged, and the other process fails. `dvc repro` itself still does so.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dvc.stage import PipelineStage
from dvc.stage.cache import StageCache

TRIES = 5


class SharedRunCache(StageCache):
    """Leaves alone what others are writing, and tries again where they were faster."""

    def save(self, stage: PipelineStage) -> None:
        """Add a stage that has run, unless the same entry is there."""
        _tried(super().save, stage)

    def _load(self, stage: PipelineStage) -> dict[str, Any] | None:
        return _tried(super()._load, stage)

    def _load_cache(self, key: str, value: str | None) -> dict[str, Any] | None:
        """Return an entry; in place of one without its name yet, the newest that has one."""
        if value is None or value.startswith("."):
            files = [*Path(self._get_cache_dir(key)).glob("[!.]*")]
            value = max(files, key=lambda each: each.stat().st_mtime).name if files else None
        found: dict[str, Any] | None = super()._load_cache(key, value) if value else None
        return found


def _tried(method: Callable[[PipelineStage], Any], stage: PipelineStage, tries: int = TRIES) -> Any:
    """Call a method again if a file has got its name, or was removed, since it was listed."""
    try:
        return method(stage)
    except FileNotFoundError:
        if tries == 1:
            raise
        return _tried(method, stage, tries - 1)
