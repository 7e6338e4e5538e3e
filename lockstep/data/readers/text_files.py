"""Read a whole file as one text."""

from pathlib import Path

from lockstep.errors import DataError

UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path, encoding: str | None = None) -> str:
    """Return a file's text: UTF-8, or UTF-16 by its first bytes, unless `encoding` is given.

    Raises DataError for bytes of another encoding.
    """
    content = path.read_bytes()
    encoding = encoding or ("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise DataError(
            f"{path}: byte {error.start} isn't {name}: save it as UTF-8, or set data.encoding"
        ) from None
