"""Only files with the publisher's bytes reach data/raw, whatever server they come from."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockstep.data.fetch import attempt, deadlines, fetch_file, files, kept
from lockstep.errors import DataError, LockstepError, UnavailableError
from tasks import datasets, download
from tests.faults.servers import (
    CONTENT,
    SHA256,
    Answer,
    Server,
    drip,
    redirect,
    send,
    serving,
    status,
    truncated,
    whole,
)
from tests.support.workspaces import change_params, load


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "wait_exponential_jitter", lambda **_: lambda state: 0.01)


def fetched(server: Server, folder: Path) -> bytes:
    path = folder / "file"
    fetch_file((server.address,), "x.gz", path, len(CONTENT), SHA256)
    return path.read_bytes()


def test_a_file_arrives_whole(server: Server, tmp_path: Path) -> None:
    assert fetched(server, tmp_path) == CONTENT
    assert server.requested == ["/x.gz"]


def test_a_request_to_a_busy_server_is_retried(server: Server, tmp_path: Path) -> None:
    server.answers = [status(503, Retry_After="0"), status(500), whole]
    assert fetched(server, tmp_path) == CONTENT
    assert len(server.requested) == 3


def test_a_server_that_stays_busy_is_a_temporary_failure(server: Server, tmp_path: Path) -> None:
    server.answers = [status(503)]
    with pytest.raises(UnavailableError, match="answers 503"):
        fetched(server, tmp_path)
    assert len(server.requested) == files.ATTEMPTS


def test_a_refused_connection_is_a_temporary_failure(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        fetch_file(("http://127.0.0.1:9/",), "x", tmp_path / "x", 1, SHA256)


def test_a_truncated_body_is_downloaded_again(server: Server, tmp_path: Path) -> None:
    server.answers = [truncated(), whole]
    assert fetched(server, tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (truncated(), "x.gz"),
        (truncated(length=-1), f"999 bytes .*expected {len(CONTENT)}"),
        (lambda it: send(it, CONTENT[::-1]), f"got sha256 .*expected {SHA256}"),
        (lambda it: send(it, CONTENT + b"x"), f"more than the {len(CONTENT)} bytes"),
        (lambda it: send(it, b"<html>log in", kind="text/html"), "text/html"),
        (status(404), "answers 404, expected the file"),
        (redirect("http://127.0.0.2/x"), "redirected to"),
        (redirect("file:///etc/passwd"), "redirected to"),
        (redirect("/again"), "more than 3 redirects"),
    ],
    ids=[
        "cut off", "cut off unseen", "other bytes", "too long", "a page",
        "missing", "elsewhere", "a file", "in circles",
    ],
)  # fmt: skip
def test_a_response_that_is_not_the_published_file(
    server: Server, tmp_path: Path, answer: Answer, line: str
) -> None:
    server.answers = [answer]
    with pytest.raises(DataError, match=line):
        fetched(server, tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".bad"}


def test_a_redirect_on_the_same_host_is_followed(server: Server, tmp_path: Path) -> None:
    server.answers = [redirect("/there"), whole]
    assert fetched(server, tmp_path) == CONTENT
    assert server.requested == ["/x.gz", "/there"]


def test_a_download_that_is_too_slow_is_aborted(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "GRACE_SECONDS", -1)
    monkeypatch.setattr(deadlines, "MIN_BYTES_PER_SECOND", 10**12)
    with pytest.raises(UnavailableError, match="gave up"):
        fetched(server, tmp_path)


@pytest.mark.parametrize(
    ("starts", "line"),
    [
        ((b"HTTP/1.1 200 OK\r\nx-slow: ",), "no answer in 0.5 s, gave up"),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n",), "bytes a second, gave up"),
    ],
    ids=["header", "body"],
)
def test_a_server_that_sends_a_byte_at_a_time_ends_at_a_deadline(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    starts: tuple[bytes, ...],
    line: str,
) -> None:
    monkeypatch.setattr(deadlines, "GRACE_SECONDS", 0.5)
    server.answers = [drip(*starts)]
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=line):
        fetched(server, tmp_path)
    assert time.monotonic() - began < 5
    assert len(server.requested) == 1  # it would be as slow again


def test_a_password_is_read_from_netrc(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password S3CR3T\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    sent: list[str] = []
    server.answers = [
        lambda handler: (sent.append(handler.headers["authorization"]), whole(handler))[1]
    ]
    assert fetched(server, tmp_path) == CONTENT
    assert sent == ["Basic bWU6UzNDUjNU"]


def test_terminal_codes_of_a_server_are_not_printed(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda it: send(it, CONTENT[::-1], kind="a\x1b[2Jb\x9b")]
    with pytest.raises(DataError) as caught:
        fetched(server, tmp_path)
    assert str(caught.value).isprintable()
    assert r"a\x1b[2Jb" in str(caught.value)


def test_an_html_page_is_no_first_download(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda it: send(it, b"\n <!DOCTYPE html><title>Sign in", kind="text/html")]
    with pytest.raises(DataError, match=r"got an HTML page \(text/html\), expected the file"):
        fetch_file((server.address,), "x.gz", tmp_path / "x.gz", None, None)


def test_a_second_address_is_used_when_the_first_is_wrong(server: Server, tmp_path: Path) -> None:
    server.answers = [status(404), whole]
    addresses = (server.address + "one/", server.address + "two/")
    fetch_file(addresses, "x", tmp_path / "x", len(CONTENT), SHA256)
    assert server.requested == ["/one/x", "/two/x"]


def test_digits_need_no_network_and_no_mirror(workspace: Path) -> None:
    values = change_params(workspace, {"data.mirror": "/nowhere"})
    download.download(values, workspace)
    (file,) = (workspace / "data" / "raw").iterdir()
    size, sha256 = datasets.find("digits").FILES[file.name]
    assert len(file.read_bytes()) == size
    assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("form", ["folder", "relative", "file"])
def test_a_mirror_replaces_the_publisher(
    workspace: Path, test_data: Path, name: str, form: str
) -> None:
    (workspace / "mirror").symlink_to(test_data)
    mirror = {"folder": str(test_data), "relative": "mirror", "file": test_data.as_uri()}[form]
    values = change_params(workspace, {"data.name": name, "data.mirror": mirror})
    download.download(values, workspace)
    raw = workspace / "data" / "raw"
    assert {file.name for file in raw.iterdir()} == set(datasets.find(name).FILES)


def test_a_mirror_with_other_bytes_leaves_nothing(workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mirror" / "mnist"
    folder.mkdir(parents=True)
    for name, (size, _) in datasets.find("mnist").FILES.items():
        (folder / name).write_bytes(bytes(size))
    values = change_params(
        workspace, {"data.name": "mnist", "data.mirror": str(tmp_path / "mirror")}
    )
    with pytest.raises(DataError, match="expected 440fcabf"):
        download.download(values, workspace)
    assert {file.name for file in (workspace / "data").iterdir()} == {"README.md", "none"}


@pytest.mark.parametrize(
    ("mirror", "line"), [("nowhere", "no folder"), ("file:///nowhere", "no such file")]
)
def test_a_missing_mirror(workspace: Path, mirror: str, line: str) -> None:
    change_params(workspace, {"data.name": "mnist", "data.mirror": mirror})
    with pytest.raises(LockstepError, match=line) as caught:
        download.download(load(workspace), workspace)
    assert caught.value.exit_code == 3


def test_a_file_without_a_published_hash_must_keep_its_first_bytes(
    server: Server, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    unknown = SimpleNamespace(
        FOLDER=None, ADDRESSES=(server.address,), FILES={"x.gz": (None, None)}
    )
    monkeypatch.setattr(datasets, "find", lambda name: unknown)
    download.download(load(workspace), workspace)
    line = f"no hash is published; 102,400 bytes, sha256 {SHA256} recorded"
    assert line in capsys.readouterr().err
    download.download(load(workspace), workspace)
    assert f"sha256 {SHA256} as at its first download" in capsys.readouterr().err
    assert server.requested == ["/x.gz"]
    kept.remove_recorded(workspace)
    server.answers = [lambda handler: send(handler, CONTENT[::-1])]
    with pytest.raises(DataError, match=f"expected {SHA256}"):
        download.download(load(workspace), workspace)


def test_a_file_of_unknown_size_has_a_limit(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "MAX_BYTES", 1000)
    with pytest.raises(DataError, match="more than the 1000 bytes expected"):
        fetch_file((server.address,), "x.gz", tmp_path / "x.gz", None, None)


def test_a_mirror_may_have_other_files(
    server: Server, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imdb = SimpleNamespace(
        FOLDER="imdb",
        ADDRESSES=("http://127.0.0.1:9/",),
        FILES={"whole.gz": (1, SHA256)},
        MIRRORED={"part.gz": (len(CONTENT), SHA256)},
    )
    monkeypatch.setattr(datasets, "find", lambda name: imdb)
    params = change_params(workspace, {"data.mirror": server.address})
    download.download(params, workspace)
    assert server.requested == ["/imdb/part.gz"]
