"""Download a published file once, to .lockstep/ of the main checkout, and check its hash."""

from pathlib import Path

from lockstep.data.fetch import fetch_file
from lockstep.data.fetch.attempt import Expected
from lockstep.data.fetch.kept import locked
from lockstep.errors import UnavailableError
from lockstep.process import console
from lockstep.storage import layout, mirrors
from lockstep.storage.checkout import main_checkout


def fetch_published(
    name: str, digest: str, published: str, mirror: str | None, folder: str, root: Path
) -> Path:
    """Return the path of a published file, which is downloaded unless an earlier call has done so.

    `digest` is an md5 or a sha256 in hex, and is checked at each call. `published` is the address
    before the name, `folder` the publisher's folder in `mirror`. Raises DataError for a missing
    file or other content, UnavailableError if no address can be reached.
    """
    path = main_checkout(root) / layout.PRETRAINED / name
    with locked(path):  # another experiment may download it just now
        if not (path.is_file() and Expected(None, digest).fits(path)):
            where = mirrors.addresses((published,), mirror, folder, root)
            _download(where, name, digest, folder, path)
    return path


def _download(addresses: tuple[str, ...], name: str, digest: str, folder: str, path: Path) -> None:
    with console.bytes_bar(name, None) as arrived:
        try:
            fetch_file(addresses, name, path, None, digest, arrived)
        except UnavailableError as error:
            hint = f"or set data.mirror to a folder that has {folder}/{name}"
            raise UnavailableError(f"{error}; try again, {hint}") from None
    kind = Expected(None, digest).kind
    console.say(f"{name}: {path.stat().st_size:,} bytes, {kind} as published")
