"""Checks the address in data.mirror."""

from urllib.parse import urlsplit

EXPECTED = "expected http(s)://HOST/PATH, file:///PATH or a folder"


def check_mirror(mirror: str | None) -> str | None:
    """Return the mirror if it is a folder or an address; raises ValueError.

    An address with a password is refused: params.yaml is in git, and in each experiment.
    """
    if mirror is None or "://" not in mirror:
        return mirror
    if "@" in mirror.partition("://")[2].partition("/")[0]:
        raise ValueError(
            "got an address with a user name or password, expected none, since params.yaml is in "
            "git: put them into ~/.netrc"
        )
    shown = mirror.partition("?")[0]  # what follows may be a key
    try:
        parts = urlsplit(mirror)
        (parts.hostname or "").encode("idna")
        port = parts.port
    except ValueError as error:
        raise ValueError(f"got {shown!r}: {error}, {EXPECTED}") from None
    if parts.scheme not in ("http", "https", "file") or parts.query or parts.fragment or port == 0:
        raise ValueError(f"got {shown!r}, {EXPECTED}")
    if (parts.scheme == "file") == bool(parts.hostname) or not mirror.isprintable():
        raise ValueError(f"got {shown!r}, {EXPECTED}")
    return mirror
