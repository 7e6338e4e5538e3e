"""How a delimited text file is written, where its first lines make it certain."""

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

from lockstep.config.schema import Data
from lockstep.data.readers.headers import has_header
from lockstep.data.readers.html_pages import refuse_page
from lockstep.data.readers.text_files import marked_encoding
from lockstep.errors import DataError
from lockstep.process import console

SAMPLE_BYTES, SAMPLE_ROWS = 2**20, 200
ROW_BYTES = 2**25  # the most of a row
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}
COMMENT = "#"


@dataclass(frozen=True)
class Dialect:
    """The encoding and delimiter, the lines above the first row, and the columns' names."""

    encoding: str
    delimiter: str
    skipped: int  # rows: comments, empty ones, and the header
    skipped_lines: int  # the same; a header may have several lines
    names: list[str]


def detect(path: Path, data: Data) -> Dialect:
    """Return a file's dialect; what `data` gives isn't detected.

    Raises DataError, with what to write in params.yaml, where the file leaves more than one
    possibility.
    """
    refuse_page(path)
    encoding = data.encoding or _encoding_of(path)
    lines = _first_lines(path, encoding)
    comments = _comments(lines)
    if not any(map(str.strip, lines)):
        raise DataError(f"{path}: empty, expected a header and rows below it")
    csv.field_size_limit(ROW_BYTES)  # by default a longer cell is an error
    delimiter = data.delimiter or _delimiter(path, lines[comments:])
    reader = csv.reader(lines[comments:], delimiter=delimiter)
    numbered = [(row, comments + reader.line_num) for row in reader]
    rows = {number: row for number, (row, _) in enumerate(numbered, comments + 1) if row}
    _check_widths(path, rows, whole=path.stat().st_size <= SAMPLE_BYTES)
    if comments:
        console.say(f"{path.name}: {comments} lines above the header are comments")
    first, *below = rows.values()
    header = has_header(path, first, below) if data.header == "auto" else data.header
    names = _names(path, first) if header else [f"column_{n}" for n in range(1, len(first) + 1)]
    above = next(iter(rows)) - 1  # comments and empty lines
    end = numbered[above - comments][1] if header else above
    return Dialect(encoding, delimiter, above + header, end, names)


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        return marked_encoding(file.read(4))


def _first_lines(path: Path, encoding: str) -> list[str]:
    with path.open("rb") as file:
        content = file.read(SAMPLE_BYTES)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(content, final=False)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} isn't {encoding.removesuffix('-sig').upper()}: save it as "
            "UTF-8, or set data.encoding, such as latin-1, cp1252 or utf-16"
        ) from None
    if "\0" in text:
        raise DataError(f"{path}: contains zero bytes: set data.encoding, such as utf-16")
    lines = list(io.StringIO(text, newline=""))  # str.splitlines splits at U+2028 and others too
    return lines[:-1] if len(content) == SAMPLE_BYTES and len(lines) > 1 else lines


def _comments(lines: Sequence[str]) -> int:
    """The number of lines on top that begin with #, unless the last of them looks like a header."""
    found = len(list(takewhile(lambda line: line.startswith(COMMENT), lines)))
    if found and len(lines) > found:
        last, below = lines[found - 1], lines[found]
        if any(last.count(each) == below.count(each) > 0 for each in ",;\t|"):
            return found - 1
    return found


def _delimiter(path: Path, lines: Sequence[str]) -> str:
    widths = {each: _widths(lines, each) for each in DELIMITERS}
    fits = [each for each, found in widths.items() if len(set(found)) == 1 and found[0] > 1]
    if len(fits) > 1 and " " in fits:
        fits.remove(" ")  # words in cells
    found = fits or [each for each in ",;\t|" if widths[each][:1] > [1]]
    if len(found) == 1:
        if found != [","]:
            console.say(f"{path.name}: columns are delimited by a {DELIMITERS[found[0]]}")
        return found[0]
    seen = " or ".join(DELIMITERS[each] for each in found) or "none of " + ", ".join(
        DELIMITERS.values()
    )
    raise DataError(
        f"{path}: the delimiter isn't certain ({seen}): set data.delimiter, such as ';' or \"\\t\""
    )


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    """The number of cells in each row that isn't empty."""
    try:
        rows = list(islice(csv.reader(lines, delimiter=delimiter, strict=True), SAMPLE_ROWS))
    except csv.Error:
        return []
    return [len(row) for row in rows if row]


def _check_widths(path: Path, rows: dict[int, list[str]], *, whole: bool) -> None:
    """Raise DataError for a row with more or fewer cells than the first; the last may be cut."""
    expected = len(next(iter(rows.values())))
    for number, row in list(rows.items())[: None if whole else -1]:
        if len(row) != expected:
            raise DataError(f"{path}: row {number} has {len(row)} cells, expected {expected}")


def _names(path: Path, header: Sequence[str]) -> list[str]:
    names = [name.strip() for name in header]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise DataError(f"{path}: two columns are called {twice!r}, expected different names")
    if names.count("") > 1:  # as pandas calls them
        return [name or f"Unnamed: {number}" for number, name in enumerate(names)]
    return names
