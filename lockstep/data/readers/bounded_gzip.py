"""Read gzip files of which only so many bytes are unpacked."""

import gzip
from pathlib import Path


class BoundedGzip(gzip.GzipFile):
    """A gzip file whose reading fails with OSError where `most` unpacked bytes would be exceeded.

    tarfile reads a header's size of names and attributes into memory, whatever it is.
    """

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path)
        self.most = most

    def read(self, size: int | None = -1) -> bytes:
        """Read up to `size` bytes, which must be given."""
        if size is None or size < 0 or self.tell() + size > self.most:
            raise OSError(f"it unpacks to more than {self.most:,} bytes")
        return super().read(size)
