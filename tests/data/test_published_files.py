"""A published file is downloaded once, from its publisher or a mirror, and never used unchecked."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lockstep.data.fetch import files
from lockstep.data.published_files import fetch_published
from lockstep.errors import DataError, UnavailableError
from lockstep.storage import layout

CONTENT = b"weights" * 999
MD5, SHA256 = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()  # noqa: S324
NOWHERE = "http://127.0.0.1:9/"


class Handler(SimpleHTTPRequestHandler):
    requested: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.requested.append(self.path)
        super().do_GET()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    (tmp_path / "mirror" / "networks").mkdir(parents=True)
    (tmp_path / "mirror" / "networks" / "x.h5").write_bytes(CONTENT)
    return tmp_path / "mirror"


@pytest.fixture
def address(mirror: Path) -> Iterator[str]:
    Handler.requested.clear()
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(mirror)))
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(files, "wait_exponential_jitter", lambda **_: lambda state: 0.01)
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def fetched(root: Path, mirror: object, digest: str = MD5, published: str = NOWHERE) -> bytes:
    where = None if mirror is None else str(mirror)
    return fetch_published("x.h5", digest, published, where, "networks", root).read_bytes()


@pytest.mark.parametrize("digest", [MD5, SHA256], ids=["md5", "sha256"])
def test_a_file_is_downloaded_once(root: Path, address: str, digest: str) -> None:
    for _ in range(2):
        assert fetched(root, address, digest) == CONTENT
    assert Handler.requested == ["/networks/x.h5"]


def test_it_comes_from_the_publisher(root: Path, address: str) -> None:
    assert fetched(root, None, published=f"{address}/networks/") == CONTENT


def test_it_comes_from_a_folder(root: Path, mirror: Path) -> None:
    assert fetched(root, "../mirror") == CONTENT


def test_it_comes_from_the_address_of_a_folder(root: Path, mirror: Path) -> None:
    assert fetched(root, mirror.as_uri()) == CONTENT


def test_a_damaged_copy_is_downloaded_again(root: Path, mirror: Path) -> None:
    fetched(root, mirror)
    (root / layout.PRETRAINED / "x.h5").write_bytes(b"damaged")
    assert fetched(root, mirror) == CONTENT


@pytest.mark.parametrize("digest", [MD5[::-1], SHA256[::-1]], ids=["md5", "sha256"])
def test_other_content_is_not_kept(root: Path, mirror: Path, digest: str) -> None:
    with pytest.raises(DataError, match=rf"x\.h5: got {'md5' if len(digest) == 32 else 'sha'}"):
        fetched(root, mirror, digest)
    assert [each.name for each in (root / layout.PRETRAINED).iterdir()] == ["x.h5.lock"]


def test_a_mirror_without_the_file(root: Path, mirror: Path, address: str) -> None:
    (mirror / "networks" / "x.h5").unlink()
    with pytest.raises(DataError, match=r"networks/x\.h5: the server answers 404"):
        fetched(root, address)
    with pytest.raises(DataError, match=r"networks/x\.h5: no such file"):
        fetched(root, mirror)


def test_a_mirror_without_the_folder(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*/project/networks"):
        fetched(root, root)


def test_a_publisher_out_of_reach(root: Path) -> None:
    with pytest.raises(UnavailableError, match=r"set data\.mirror to a folder that has networks/x"):
        fetched(root, None)
