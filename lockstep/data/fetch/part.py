"""A download so far, which a later attempt completes if the server has the same version."""

from pathlib import Path
from typing import BinaryIO

from lockstep.storage import atomic_files


class Part:
    """The bytes of an address that have arrived, beside the path of the whole file.

    A JSON file beside them has the address, and the validator (an ETag or a date) of the version.
    """

    def __init__(self, path: Path, address: str) -> None:
        self.whole, self.address = path, address
        self.path = path.with_name(f"{path.name}.part")
        self._source = path.with_name(f"{path.name}.part.json")

    def progress(self) -> tuple[int, str]:
        """Return the number of bytes that can be completed, and their version; (0, "") if none."""
        try:
            source, count = atomic_files.read_json(self._source), self.path.stat().st_size
            if source["address"] == self.address and count and source["validator"]:
                return count, str(source["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # there is none, or it was being written when its process was killed
        return 0, ""

    def open(self, start: int, validator: str) -> BinaryIO:
        """Open the file for the bytes from `start`, which are of a version."""
        if start == 0:
            self.remove()
            atomic_files.write_json(self._source, {"address": self.address, "validator": validator})
        return self.path.open("r+b" if start else "wb")

    def remove(self) -> None:
        """Remove it: the next attempt begins anew."""
        self._source.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def set_aside(self) -> Path:
        """Keep it, for a person to look at, and return its new path."""
        bad = self.whole.with_name(f"{self.whole.name}.bad")
        self.path.replace(bad)
        self.remove()
        return bad

    def finish(self) -> None:
        """Give the whole file its name."""
        with atomic_files.whole_file(self.whole) as ready:
            self.path.replace(ready)
        self.whole.with_name(f"{self.whole.name}.bad").unlink(missing_ok=True)
        self.remove()
