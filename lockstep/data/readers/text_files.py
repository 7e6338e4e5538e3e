"""Read a whole file as one text."""

import codecs
from pathlib import Path

from lockstep.errors import DataError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def marked_encoding(start: bytes) -> str:
    """Return the encoding that a file's first bytes mark, or else UTF-8."""
    return next((encoding for mark, encoding in MARKS if start.startswith(mark)), "utf-8")


def read_text(path: Path, encoding: str | None = None) -> str:
    """Return a file's text: UTF-8, or as its first bytes mark, unless `encoding` is given.

    Raises DataError for bytes of another encoding.
    """
    content = path.read_bytes()
    encoding = encoding or marked_encoding(content)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise DataError(
            f"{path}: byte {error.start} isn't {name}: save it as UTF-8, or set data.encoding"
        ) from None
