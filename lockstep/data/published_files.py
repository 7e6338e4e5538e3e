"""Download a published file once, to .lockstep/ of the main checkout, and check its hash."""

from pathlib import Path

from filelock import FileLock

from lockstep.data.fetch import fetch_file
from lockstep.errors import DataError, UnavailableError
from lockstep.process import console
from lockstep.storage import atomic_files, layout, mirrors
from lockstep.storage.checkout import main_checkout

MD5_LENGTH = 32  # of its hex digits


def fetch_published(
    name: str, digest: str, published: str, mirror: str | None, folder: str, root: Path
) -> Path:
    """Return the path of a published file, which is downloaded unless an earlier call has done so.

    `digest` is an md5 or a sha256 in hex, and is checked at each call. `published` is the address
    before the name, `folder` the publisher's folder in `mirror`. Raises DataError for a missing
    file or other content, UnavailableError if no address can be reached.
    """
    kept = main_checkout(root) / layout.PRETRAINED / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(kept.with_name(f"{name}.lock")):  # another experiment may download it just now
        if not (kept.is_file() and digest_of(kept, digest) == digest):
            where = mirrors.addresses((published,), mirror, folder, root)
            _download(where, name, digest, folder, kept)
    return kept


def digest_of(path: Path, like: str) -> str:
    """Return a file's md5 or sha256 in hex, by the length of another one."""
    hashed = atomic_files.md5 if len(like) == MD5_LENGTH else atomic_files.sha256
    return hashed(path)


def _download(addresses: tuple[str, ...], name: str, digest: str, folder: str, kept: Path) -> None:
    with console.bytes_bar(name, None) as arrived, atomic_files.whole_file(kept) as part:
        try:
            fetch_file(addresses, name, part, None, None, arrived)
        except UnavailableError as error:
            hint = f"or set data.mirror to a folder that has {folder}/{name}"
            raise UnavailableError(f"{error}; try again, {hint}") from None
        _check(part, digest, addresses[0] + name)
    console.say(f"{name}: {kept.stat().st_size:,} bytes, {_kind(digest)} as published")


def _check(part: Path, digest: str, address: str) -> None:
    found = digest_of(part, digest)
    if found != digest:
        raise DataError(f"{address}: got {_kind(digest)} {found}, expected {digest} as published")


def _kind(digest: str) -> str:
    return "md5" if len(digest) == MD5_LENGTH else "sha256"
