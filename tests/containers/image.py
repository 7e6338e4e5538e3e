"""An image: layers of files, and what its containers run."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.containers.root import Root

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """Layers, the lowest first, and what a container runs by default, as which user and where."""

    layers: list[Path]
    variables: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    binds: Mapping[str, Path] = field(default_factory=dict)

    def sizes(self) -> dict[str, int]:
        """The sum of the sizes of each layer's files, in bytes."""
        return {layer.name: size_of(layer) for layer in self.layers}

    def container(
        self,
        words: Sequence[str] = (),
        binds: Mapping[str, Path] | None = None,
        *,
        variables: Mapping[str, str] | None = None,
        entrypoint: Sequence[str] | None = None,
        user: str = "",
        folder: str = "",
    ) -> list[str]:
        """The command that does `docker run --read-only --tmpfs /tmp`, with files bound into it.

        What isn't given is the image's.
        """
        run = [*(self.entrypoint if entrypoint is None else entrypoint), *(words or self.command)]
        binds = {**self.binds, **(binds or {})}
        top = Path(tempfile.mkdtemp(dir=self.layers[0].parent))
        mountpoint, points = top / "root", top / "points"
        mountpoint.mkdir()
        for target, source in binds.items():
            make_mountpoint(points / target.lstrip("/"), source)
        points.mkdir(exist_ok=True)
        bound = {target.lstrip("/"): source for target, source in binds.items()}
        root = Root([*self.layers, points], mountpoint, binds=bound)
        merged = {**self.variables, **(variables or {})}
        return root.command(run, merged, folder or self.folder, user or self.user)


def make_mountpoint(target: Path, source: Path) -> None:
    """Make the empty file or folder on which another one is mounted."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.mkdir() if source.is_dir() else target.touch()


def size_of(folder: Path) -> int:
    """The sum of the sizes of a folder's files; one with several links counts once."""
    files = (os.lstat(Path(base, name)) for base, _, names in os.walk(folder) for name in names)
    return sum({each.st_ino: each.st_size for each in files}.values())
