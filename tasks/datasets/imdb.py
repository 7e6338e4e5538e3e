"""IMDB: 50,000 film reviews, positive or negative, half of them for testing.

A. L. Maas, R. E. Daly, P. T. Pham, D. Huang, A. Y. Ng, C. Potts, "Learning Word Vectors for
Sentiment Analysis", ACL-HLT 2011, pages 142-150. A mirror may have a smaller archive with
only the labelled reviews; both must give the same digest of the reviews.
"""

import hashlib
import re
import tarfile
import zlib
from pathlib import Path

import numpy as np

from lockstep.data.readers.bounded_gzip import BoundedGzip
from lockstep.errors import DataError

FOLDER = "imdb"
ADDRESSES = ("https://ai.stanford.edu/~amaas/data/sentiment/",)
FILES = {
    "aclImdb_v1.tar.gz": (
        84_125_825,
        "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    ),
}
MIRRORED = {
    "aclImdb_labelled.tar.gz": (
        27_791_852,
        "42bb84e3248326491affc4666f3972a5eae52186f05aa1436dffba5b435c18e9",
    ),
}
TARGET_KIND = "classification"
TRAIN_EXAMPLES = 25_000
CLASSES = ("neg", "pos")
# sha256 over the reviews, sorted by name: name, zero byte, length, zero byte, content of each.
REVIEWS = "2f7a3d1aad2cf5ce9dd4699e85e7bb337637c618d2315e0585921ae932728c56"
REVIEW = re.compile(r"aclImdb/(train|test)/(neg|pos)/\d+_\d+\.txt")
MAX_BYTES, MAX_MEMBERS = 2**30, 200_000


def read(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return reviews (n,) and labels (n,), in the order of the files' names."""
    (path,) = folder.iterdir()
    reviews = _reviews(path)
    found = hashlib.sha256()
    for name, content in reviews.items():
        found.update(f"{name}\0{len(content)}\0".encode() + content)
    if found.hexdigest() != REVIEWS:
        raise DataError(
            f"{path}: {len(reviews):,} reviews with the digest {found.hexdigest()}, "
            f"expected {REVIEWS}; download it again"
        )
    return {split: _split(reviews, split) for split in ("train", "test")}


def _split(reviews: dict[str, bytes], split: str) -> tuple[np.ndarray, np.ndarray]:
    names = [name for name in reviews if name.split("/")[1] == split]
    texts = np.array([reviews[name].decode("utf-8") for name in names], object)
    return texts, np.array([CLASSES.index(name.split("/")[2]) for name in names])


def _reviews(path: Path) -> dict[str, bytes]:
    """The reviews by file name, sorted; the archive is only read, never extracted to disk."""
    try:
        with (
            BoundedGzip(path, MAX_BYTES + MAX_MEMBERS * 2 * tarfile.BLOCKSIZE) as content,
            tarfile.open(fileobj=content, mode="r:") as archive,
        ):
            members = [each for each in _checked(path, archive) if REVIEW.fullmatch(each.name)]
            read = {each.name: archive.extractfile(each).read() for each in members}  # type: ignore[union-attr]
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a complete .tar.gz ({error}), download it again") from None
    return dict(sorted(read.items()))


def _checked(path: Path, archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """All members; raises DataError for links, devices, unsafe or repeated names, or many bytes."""
    members: dict[str, tarfile.TarInfo] = {}
    size = 0
    for each in archive:
        size += each.size
        if not (each.isfile() or each.isdir()):
            raise DataError(
                f"{path}: {each.name} is a link or a device, expected files and folders"
            )
        if each.name.startswith("/") or ".." in each.name.split("/"):
            raise DataError(f"{path}: {each.name} points outside of the archive")
        if each.name in members:
            raise DataError(f"{path}: {each.name} occurs twice, expected once")
        if size > MAX_BYTES or len(members) >= MAX_MEMBERS:
            raise DataError(f"{path}: more than {MAX_BYTES:,} bytes or {MAX_MEMBERS:,} members")
        members[each.name] = each
    return list(members.values())
