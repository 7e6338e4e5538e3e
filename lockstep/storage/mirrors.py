"""Where publishers' files are downloaded from: their own addresses, or a mirror with copies."""

from pathlib import Path
from urllib.parse import urlsplit

from lockstep.errors import DataError
from lockstep.storage.checkout import main_checkout


def addresses(
    published: tuple[str, ...], mirror: str | None, folder: str | None, root: Path
) -> tuple[str, ...]:
    """Return the addresses to try, each ending in a slash, before a file's name.

    `folder` is the publisher's folder in a mirror, None if it has none. Raises DataError if it
    isn't in a mirror that is a folder.
    """
    if mirror is None or folder is None:
        return published
    if urlsplit(mirror).scheme in ("http", "https", "file"):
        return (f"{mirror.rstrip('/')}/{folder}/",)
    # A mirror's relative path starts at the main checkout, also in the worktree of an experiment.
    there = main_checkout(root) / mirror / folder
    if not there.is_dir():
        raise DataError(f"data.mirror: got {mirror!r}, but there is no folder {there}")
    return (f"{there}/",)
