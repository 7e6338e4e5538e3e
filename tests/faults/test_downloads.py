"""A download ends with the published bytes or one line, whatever a server does, or a kill."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep.data.fetch import (
    attempt,
    deadlines,
    fetch_file,
    files,
    kept,
    public_hosts,
    redirects,
)
from lockstep.errors import DataError, UnavailableError
from lockstep.storage import layout
from tests.faults.servers import (
    CONTENT,
    SHA256,
    Answer,
    Server,
    certificate,
    chunked_cut,
    endless,
    full_port,
    listening,
    ranged,
    redirect,
    reset,
    send,
    serving,
    stalled,
    truncated,
    whole,
)
from tests.support.waiting import until
from tests.support.workspaces import stage, write_params

DATASET = '''"""A file of a test's server."""

FOLDER = None
ADDRESSES = ({address!r},)
FILES = {{"x.gz": ({size}, {sha256!r})}}
TARGET_KIND, CLASSES = "classification", ("a", "b")


def read(folder):
    return {{}}
'''


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "wait_exponential_jitter", lambda **_: lambda state: 0.01)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(ranged()) as server:
        yield server


def fetched(address: str, folder: Path, size: int | None = len(CONTENT)) -> bytes:
    fetch_file((address,), "x.gz", folder / "x.gz", size, SHA256 if size else None)
    return (folder / "x.gz").read_bytes()


def left(folder: Path) -> set[str]:
    """The names in a folder, without those of locks."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def test_a_cut_body_is_completed_by_its_range(server: Server, tmp_path: Path) -> None:
    server.answers = [truncated(ETag='"first"'), ranged()]
    counted: list[int] = []
    fetch_file((server.address,), "x.gz", tmp_path / "x.gz", len(CONTENT), SHA256, counted.append)
    assert (tmp_path / "x.gz").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=999-"]
    assert sum(counted) == len(CONTENT)
    assert left(tmp_path) == {"x.gz"}


def test_another_version_is_downloaded_from_its_start(server: Server, tmp_path: Path) -> None:
    server.answers = [truncated(ETag='"old"'), ranged()]
    assert fetched(server.address, tmp_path) == CONTENT
    assert [each.get("if-range") for each in server.headers] == [None, '"old"']


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}], ids=["none", "weak"])
def test_a_body_without_a_strong_validator_is_downloaded_again(
    server: Server, tmp_path: Path, headers: dict[str, str]
) -> None:
    server.answers = [truncated(**headers), ranged()]
    assert fetched(server.address, tmp_path) == CONTENT
    assert server.ranges == [None, None]


def wrong_range(handler: Any) -> None:
    send(handler, CONTENT[5:], 206, Content_Range=f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}")


def other_bytes(handler: Any) -> None:
    place = f"bytes 999-{len(CONTENT) - 1}/{len(CONTENT)}"
    send(handler, CONTENT[:-999], 206, Content_Range=place)


@pytest.mark.parametrize("answer", [wrong_range, other_bytes])
def test_a_range_that_does_not_complete_the_file_is_given_up(
    server: Server, tmp_path: Path, answer: Answer
) -> None:
    server.answers = [truncated(ETag='"first"'), answer, ranged()]
    assert fetched(server.address, tmp_path) == CONTENT
    assert server.ranges == [None, "bytes=999-", None]


def test_what_a_killed_process_left_is_checked(server: Server, tmp_path: Path) -> None:
    for content in (CONTENT, b"x" * len(CONTENT), b"x" * 2 * len(CONTENT)):
        (tmp_path / "x.gz").unlink(missing_ok=True)
        (tmp_path / "x.gz.part").write_bytes(content)
        source = f'{{"address": "{server.address}x.gz", "validator": "\\"first\\""}}'
        (tmp_path / "x.gz.part.json").write_text(source)
        assert fetched(server.address, tmp_path) == CONTENT
        assert left(tmp_path) == {"x.gz"}
    assert server.ranges == [None, None]  # the first was whole


def test_a_damaged_note_of_where_a_part_is_from_is_as_none(server: Server, tmp_path: Path) -> None:
    for note in ("", "[]", "{", '{"address": 1}', '{"address": "other", "validator": "x"}'):
        (tmp_path / "x.gz").unlink(missing_ok=True)
        (tmp_path / "x.gz.part").write_bytes(CONTENT[:9])
        (tmp_path / "x.gz.part.json").write_text(note)
        assert fetched(server.address, tmp_path) == CONTENT
    assert set(server.ranges) == {None}


@pytest.fixture
def project(make_workspace: Callable[..., Path], server: Server) -> Path:
    """A workspace whose data set is a file of the server."""
    root = make_workspace({"data.name": "served"})
    text = DATASET.format(address=server.address, size=len(CONTENT), sha256=SHA256)
    (root / "tasks" / "datasets" / "served.py").write_text(text)
    return root


def test_kill_9_amid_a_download_and_the_same_command(project: Path, server: Server) -> None:
    """F01."""
    release = threading.Event()
    server.answers = [stalled(len(CONTENT) // 2, release), ranged()]
    command = [sys.executable, "-m", "tasks", "download"]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.DEVNULL) as process:
        until(lambda: parts(project) or process.poll() is not None, 60)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    release.set()
    count = parts(project)
    ended = stage(project, "download")
    assert ended.returncode == 0, ended.stdout
    assert (project / "data" / "raw" / "x.gz").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={count}-"]
    assert len(left(project / layout.DOWNLOADS)) == 1
    assert not list((project / "data").glob(".part-*"))


def parts(project: Path) -> int:
    """The bytes of what has arrived."""
    return sum(part.stat().st_size for part in (project / layout.DOWNLOADS).glob("*.part"))


AFTER = """
import os, signal, sys
from pathlib import Path
from lockstep.storage import atomic_files
rename = Path.rename
def killed(self, target):
    rename(self, target)
    if Path(target).name == "raw":
        os.kill(os.getpid(), signal.SIGKILL)
Path.rename = killed
from tasks.__main__ import run_stage
run_stage("download", Path.cwd())
"""


def test_kill_9_between_the_last_rename_and_dvcs_record(project: Path, server: Server) -> None:
    """F02: DVC removes data/raw, and the file isn't downloaded again."""
    ended = subprocess.run([sys.executable, "-c", AFTER], cwd=project, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert (project / "data" / "raw" / "x.gz").exists()
    subprocess.run(["rm", "-r", project / "data" / "raw"], check=True)
    ended = stage(project, "download")
    assert ended.returncode == 0, ended.stdout
    assert (project / "data" / "raw" / "x.gz").read_bytes() == CONTENT
    assert len(server.requested) == 1
    kept.remove_recorded(project)
    assert left(project / layout.DOWNLOADS) == set()


def test_a_kept_file_that_was_damaged_is_downloaded_again(project: Path, server: Server) -> None:
    assert stage(project, "download").returncode == 0
    (name,) = left(project / layout.DOWNLOADS)
    (project / layout.DOWNLOADS / name).write_bytes(CONTENT[::-1])
    assert stage(project, "download").returncode == 0
    assert (project / "data" / "raw" / "x.gz").read_bytes() == CONTENT
    assert len(server.requested) == 2


def test_other_bytes_are_set_aside_and_never_used(project: Path, server: Server) -> None:
    """F29."""
    server.answers = [lambda handler: send(handler, CONTENT[::-1])]
    ended = stage(project, "download")
    assert (ended.returncode, ended.stdout.count("\n")) == (3, 1)
    assert f"expected {SHA256}; kept as {project}/.lockstep/downloads/" in ended.stdout
    (bad,) = (project / layout.DOWNLOADS).glob("*.bad")
    assert bad.read_bytes() == CONTENT[::-1]
    assert not (project / "data" / "raw").exists()
    server.answers = [whole]
    assert stage(project, "download").returncode == 0
    assert not bad.exists()


@pytest.mark.parametrize(
    ("answer", "error", "line"),
    [
        (truncated(), DataError, "x.gz: "),  # F27
        (truncated(length=-1), DataError, f"999 bytes .*expected {len(CONTENT)}"),  # F28
        (chunked_cut, DataError, "x.gz: "),  # F28
        (reset(999), UnavailableError, "x.gz: "),
        (endless, DataError, f"more than the {len(CONTENT)} bytes expected"),  # F34
        (lambda it: send(it, b"", length=10**10), DataError, "more than the 102400 bytes"),  # F34
    ],
    ids=["cut", "cut-unseen", "chunked-cut", "reset", "endless", "ten-gigabytes"],
)
def test_a_body_of_another_length(
    server: Server, tmp_path: Path, answer: Answer, error: type[Exception], line: str
) -> None:
    server.answers = [answer]
    with pytest.raises(error, match=line):
        fetched(server.address, tmp_path)
    assert left(tmp_path) == set()
    assert len(server.requested) in (1, files.ATTEMPTS)


def test_a_cut_is_seen_by_the_hash_alone(server: Server, tmp_path: Path) -> None:
    """F28, of a file whose size isn't known."""
    server.answers = [truncated(length=-1)]
    with pytest.raises(DataError, match=f"expected {SHA256}"):
        fetch_file((server.address,), "x.gz", tmp_path / "x.gz", None, SHA256)
    assert not (tmp_path / "x.gz").exists()


def test_an_endless_body_takes_little_memory_and_disk(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F34, of a file of unknown size."""
    monkeypatch.setattr(attempt, "MAX_BYTES", 2**26)
    server.answers = [endless]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="more than the 67108864 bytes expected"):
        fetched(server.address, tmp_path, size=None)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**25 / 1024
    assert left(tmp_path) == set()


def test_a_body_larger_than_the_disk_is_refused_first(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda it: send(it, b"", length=2**32)]
    limited = f"""
import shutil, sys; from pathlib import Path
from lockstep.data.fetch import fetch_file
shutil.disk_usage = lambda path: type("Usage", (), {{"free": 2**20}})
fetch_file(({server.address!r},), "x", Path("x"), None, None)
"""
    command = [sys.executable, "-c", limited]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "4,294,967,296 bytes are needed, 1,048,576 are free" in ended.stderr


def test_a_connection_that_is_never_answered_ends_at_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F32."""
    monkeypatch.setattr(deadlines, "CONNECT_SECONDS", 0.5)
    began = time.monotonic()
    with full_port() as port, pytest.raises(UnavailableError, match=f"127.0.0.1:{port}.*timed out"):
        fetched(f"http://127.0.0.1:{port}/", tmp_path)
    assert 0.5 * files.ATTEMPTS <= time.monotonic() - began < 0.5 * files.ATTEMPTS + 3


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def test_https_works_here(tls: Path, tmp_path: Path) -> None:
    with serving(ranged(), tls=tls) as server:
        assert fetched(server.address, tmp_path) == CONTENT


def test_https_is_never_left_for_http(tls: Path, tmp_path: Path) -> None:
    """F33."""
    with listening() as (port, heard), serving(tls=tls) as server:
        server.answers = [redirect(f"http://127.0.0.1:{port}/x")]
        with pytest.raises(DataError, match=r"redirected to http://.*expected https or the same"):
            fetched(server.address, tmp_path)
        server.answers = [redirect(server.address.replace("https", "http"))]
        with pytest.raises(DataError, match=r"redirected to http://.*expected https or the same"):
            fetched(server.address, tmp_path)
    assert heard == []


def test_a_certificate_nobody_signed_is_refused(tmp_path: Path) -> None:
    refused = pytest.raises(UnavailableError, match="certificate")
    with serving(whole, tls=certificate(tmp_path)) as server, refused:
        fetched(server.address, tmp_path)
    assert server.requested == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "[fe80::1]", "0.0.0.0",  # noqa: S104
     "[::ffff:169.254.169.254]", "100.64.0.1", "2130706433"],
)  # fmt: skip
def test_a_redirect_leads_to_no_private_address(
    server: Server, tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F33. 2130706433 is another spelling of 127.0.0.1."""
    monkeypatch.setattr(socket, "getaddrinfo", resolved_without_network)
    with listening() as (port, heard):
        server.answers = [redirect(f"https://{host}:{port}/x")]
        with pytest.raises(DataError, match="on this machine or a private network"):
            fetched(server.address, tmp_path)
    assert heard == []


def resolved_without_network(host: str, *arguments: Any, **options: Any) -> list[Any]:
    """Addresses as numbers are resolved; the tests' guard would take them for the network."""
    import _socket

    options["flags"] = _socket.AI_NUMERICHOST if host != "localhost" else 0
    found: list[Any] = _socket.getaddrinfo(host, *arguments, **options)
    return found


def test_a_name_that_changes_its_address_leads_to_no_private_one(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F33: the address of the connection counts, not only that of the name's first answer."""
    monkeypatch.setattr(redirects, "check_public", lambda address, host: None)
    with listening() as (port, heard):
        server.answers = [redirect(f"https://localhost:{port}/x")]
        with pytest.raises(DataError, match="on this machine or a private network"):
            fetched(server.address, tmp_path)
        time.sleep(0.1)
    assert b"".join(heard) == b""  # not even the start of TLS


@pytest.mark.parametrize(
    ("ip", "public"),
    [("1.1.1.1", True), ("2606:4700::1111", True), ("224.0.0.1", False), ("ff02::1", False),
     ("2002:7f00:1::", False), ("fe80::1%eth0", False), ("192.168.1.1", False)],
)  # fmt: skip
def test_which_addresses_are_public(ip: str, public: bool) -> None:
    assert public_hosts.is_public(ip) is public


def test_a_mirror_on_a_private_network_may_be_given(server: Server, project: Path) -> None:
    write_params(project, {"data.mirror": server.address, "data.name": "served"})
    assert stage(project, "download").returncode == 0


def test_a_mirrors_redirect_to_the_mirror_is_followed(server: Server, tmp_path: Path) -> None:
    server.answers = [redirect(f"{server.address}there"), ranged()]
    assert fetched(server.address, tmp_path) == CONTENT
