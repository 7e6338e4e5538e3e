"""Texts that lie on the disk, as many as there are: a table's column, or a folder's files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.storage.atomic_files import unused_path


@dataclass(frozen=True)
class Texts:
    """Texts in a file, from which examples are taken as from an array; a process may get them."""

    file: Path
    spans: np.ndarray  # (n, 2): where each starts and ends in the file

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, indices: Any) -> "Texts":
        return Texts(self.file, np.asarray(self.spans[indices]))

    def __iter__(self) -> Iterator[str]:
        with self.file.open("rb") as file:
            for start, end in self.spans:
                file.seek(start)
                yield file.read(end - start).decode("utf-8", "surrogatepass")

    @property
    def shape(self) -> tuple[int]:
        """Number of texts."""
        return (len(self),)


def write_texts(texts: Iterable[str], folder: Path) -> Texts:
    """Return the texts as they lie in a new file in `folder`."""
    path = unused_path(folder, "texts-")
    spans, at = path.with_suffix(".spans"), 0
    with path.open("wb") as file, spans.open("wb") as places:
        for text in texts:
            start, at = at, at + file.write(text.encode("utf-8", "surrogatepass"))
            places.write(np.array([start, at]).tobytes())
    if not spans.stat().st_size:
        return Texts(path, np.empty((0, 2), np.int64))
    return Texts(path, np.memmap(spans, np.int64, "r").reshape(-1, 2))
