"""A real S3 server, by default on the loopback: SeaweedFS, which compose.yaml uses too."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.support.ports import free_port
from tests.support.waiting import until

KEY, BUCKET = "lockstep", "experiments"
SERVERS = ("master", "volume", "filer")


class S3Store(NamedTuple):
    """A server with one bucket and one pair of keys, which may do everything."""

    endpoint: str
    secret: str

    @property
    def variables(self) -> dict[str, str]:
        """The variables that any client of S3 reads."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def s3_store(folder: Path, secret: str, host: str = "127.0.0.1") -> Iterator[S3Store]:
    """Start the server with its data and its log in a folder."""
    folder.mkdir(parents=True)
    port = free_port()
    store = S3Store(f"http://{host}:{port}", secret)
    command = [str(Path(sys.executable).with_name("weed")), "mini", f"-dir={folder}",
               f"-ip={host}", f"-bucket={BUCKET}", f"-s3.port={port}", *_other_ports(),
               "-s3.autoCreateBucket=false", "-admin.ui=false", "-webdav=false",
               "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]  # fmt: skip
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **store.variables}, cwd=folder,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: _answers(process, f"{store.endpoint}/healthz"), 60)
        yield store
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _other_ports() -> list[str]:
    """Free ones: of each server for HTTP and gRPC, and of S3 for gRPC."""
    names = [f"{name}.port{kind}" for name in SERVERS for kind in ("", ".grpc")]
    return [f"-{name}={free_port()}" for name in (*names, "s3.port.grpc", "admin.port")]


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    assert process.poll() is None
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=2).is_success
    return False
