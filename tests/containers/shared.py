"""The image of the target `cpu`, which the test processes of one run build once."""

import contextlib
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from tests.containers.build import Builder
from tests.containers.image import Image


@contextlib.contextmanager
def shared_image(project: Path, folder: Path) -> Iterator[Image]:
    """Build a project's image in a folder unless another process has; the last user removes it."""
    user = folder / f"user-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        user.touch()
        image = _load(folder) or _build(project, folder)
    try:
        yield image
    finally:
        with FileLock(folder / "lock"):
            user.unlink()
            if not list(folder.glob("user-*")):
                shutil.rmtree(folder / "layers", ignore_errors=True)


def _load(folder: Path) -> Image | None:
    file = folder / "layers" / "image.pickle"
    if not file.exists():
        return None
    image: Image = pickle.loads(file.read_bytes())  # noqa: S301  # written by the test run itself
    return image


def _build(project: Path, folder: Path) -> Image:
    shutil.rmtree(folder / "layers", ignore_errors=True)
    image = Builder(project, folder / "layers").build("cpu")
    for layer in (folder / "layers").glob("[0-9][0-9]*"):
        if layer not in image.layers:  # those of the stages before
            shutil.rmtree(layer)
    (folder / "layers" / "image.pickle").write_bytes(pickle.dumps(image))
    return image
