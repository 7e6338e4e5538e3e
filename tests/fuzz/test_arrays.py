"""Any .npy, .npz or IDX file gives arrays, or one line."""

import gzip
import io
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockstep.data.readers import idx
from lockstep.data.readers.npy_files import map_array
from lockstep.data.readers.npz_files import array_lengths, load_arrays
from lockstep.errors import DataError
from tasks.datasets import npz
from tests.support.fuzzing import SETTINGS, ended
from tests.support.workspaces import with_values

PARAMS = with_values({"data.name": "npz"})
HEADER = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}".format,
        st.sampled_from(
            ["'<f8'", "'|O'", "'<U0'", "'|V0'", "'<M8[s]'", "'x'", "[]", "[('a','<i4')]"]
        ),
        st.sampled_from(["False", "True", "None", "1"]),
        st.sampled_from(
            ["(3,)", "()", "(-1,)", "(10000000000,)", f"({2**70},)", "(1000000000000,0)", "3",
             "(3,4)", "((((3,))))"]
        ),
    ),
)  # fmt: skip


def npy(header: str, data: bytes, version: bytes = b"\x01\x00") -> bytes:
    """An .npy file with any header."""
    text = header.encode("utf-8", "surrogatepass")
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + data


NPY = st.one_of(
    st.binary(max_size=200),
    st.builds(
        npy,
        HEADER,
        st.binary(max_size=64),
        st.sampled_from([b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"]),
    ),
)
NAMES = st.sampled_from(["x.npy", "y.npy", "x", "../x.npy", "/x.npy", "x_train.npy", "\0.npy", ""])


def archive(members: list[tuple[str, bytes]], compression: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name), content, compression)
    return stream.getvalue()


def read_npz(path: Path, folder: Path) -> None:
    """As the data set does, and the readers of its arrays alone."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    ended(lambda: array_lengths(path))
    ended(lambda: load_arrays(path, scratch))
    ended(lambda: npz.read(path.parent, PARAMS, scratch))


@SETTINGS
@given(content=NPY)
@example(content=npy("(" * 5000, b""))  # MemoryError or RecursionError, by the version of Python
@example(content=npy("-" * 9000 + "1", b""))
@example(content=npy("{[]: 1}", b""))
@example(content=npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3L,), }", b""))
@example(content=npy("{'descr': '<U0', 'fortran_order': False, 'shape': (10000000000000,), }", b""))
def test_any_npy(folder: Path, content: bytes) -> None:
    (folder / "x.npy").write_bytes(content)
    found = ended(lambda: map_array(folder / "x.npy"))
    assert isinstance(found, np.ndarray | DataError)
    if isinstance(found, np.ndarray):
        assert not found.dtype.hasobject


@SETTINGS
@given(
    members=st.lists(st.tuples(NAMES, NPY), max_size=3),
    compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]),
    keep=st.floats(0, 1),
    flips=st.lists(st.integers(0, 10**6), max_size=3),
)
def test_any_npz(
    folder: Path,
    members: list[tuple[str, bytes]],
    compression: int,
    keep: float,
    flips: list[int],
) -> None:
    content = bytearray(archive(members, compression))
    for flip in flips:
        content[flip % len(content)] ^= 255
    inside = folder / "in"
    inside.mkdir(exist_ok=True)
    (inside / "x.npz").write_bytes(bytes(content[: int(len(content) * max(keep, 0.1))]))
    read_npz(inside / "x.npz", folder)


@pytest.mark.parametrize("flag", [0x1, 0x40], ids=["encrypted", "strongly"])
def test_an_encrypted_member_is_refused(folder: Path, flag: int) -> None:
    content = bytearray(archive([("x.npy", npy("{}", b""))], zipfile.ZIP_STORED))
    for at in (6, content.index(b"PK\x01\x02") + 8):
        content[at] |= flag
    (folder / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match="not a complete"):
        load_arrays(folder / "x.npz")


def test_many_members_are_refused(folder: Path) -> None:
    members = [(f"{number}.npy", b"") for number in range(2000)]
    (folder / "x.npz").write_bytes(archive(members, zipfile.ZIP_STORED))
    with pytest.raises(DataError, match="2000 arrays, expected at most 1000"):
        load_arrays(folder / "x.npz")


@SETTINGS
@example(start=b"\0\0\x08\3", shape=[2**32 - 1, 2**32 - 1, 0], data=b"", keep=1.0).via(
    "NumPy's limit"
)
@given(
    start=st.one_of(st.binary(max_size=20), st.just(b"\0\0\x08\x01"), st.just(b"\0\0\x08\x03")),
    shape=st.lists(st.integers(0, 2**32 - 1), max_size=3),
    data=st.binary(max_size=40),
    keep=st.floats(0, 1),
)
def test_any_idx(folder: Path, start: bytes, shape: list[int], data: bytes, keep: float) -> None:
    content = start + b"".join(struct.pack(">I", size) for size in shape) + data
    packed = gzip.compress(content)
    (folder / "x.gz").write_bytes(packed[: int(len(packed) * keep) + 1])
    found = ended(lambda: idx.read(folder / "x.gz"))
    assert isinstance(found, np.ndarray | DataError)
