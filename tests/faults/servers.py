"""Small servers on loopback that misbehave: truncated, endless, slow, resetting, redirecting."""

import hashlib
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Handler = BaseHTTPRequestHandler
Answer = Callable[[Handler], None]
CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ETAG = '"first"'


class Server:
    """A real HTTP server that gives a list of answers in turn, and then repeats the last."""

    def __init__(self, *answers: Answer, tls: Path | None = None) -> None:
        self.answers = list(answers) or [whole]
        self.requested: list[str] = []
        self.headers: list[dict[str, str]] = []  # of each request, with names in lower case
        outer = self

        class OneRequest(Handler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.requested.append(self.path)
                outer.headers.append({key.lower(): value for key, value in self.headers.items()})
                self.close_connection = True
                answers = outer.answers
                with suppress(OSError):  # the client has gone
                    (answers.pop(0) if len(answers) > 1 else answers[0])(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.http = QuietServer(("127.0.0.1", 0), OneRequest)
        scheme = "http"
        if tls:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.address = f"{scheme}://127.0.0.1:{self.http.server_port}/"

    @property
    def ranges(self) -> list[str | None]:
        """The range that each request asked for."""
        return [each.get("range") for each in self.headers]


class QuietServer(ThreadingHTTPServer):
    """A server whose errors, such as of clients that have gone, aren't printed."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving(*answers: Answer, tls: Path | None = None) -> Iterator[Server]:
    """A running server; with `tls`, a file with a key and a certificate, by https."""
    server = Server(*answers, tls=tls)
    threading.Thread(target=server.http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()


def send(
    handler: Handler,
    body: bytes,
    status: int = 200,
    kind: str = "application/gzip",
    length: int | None = None,
    **headers: str,
) -> None:
    """Send an answer; a `length` of -1 sends none, so that the end of the connection is the end."""
    handler.send_response(status)
    handler.send_header("content-type", kind)
    if length != -1:
        handler.send_header("content-length", str(len(body) if length is None else length))
    handler.send_header("connection", "close")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def whole(handler: Handler) -> None:
    send(handler, CONTENT)


def status(code: int, **headers: str) -> Answer:
    return lambda handler: send(handler, b"", code, **headers)


def redirect(address: str) -> Answer:
    return status(302, Location=address)


def truncated(count: int = 999, length: int | None = len(CONTENT), **headers: str) -> Answer:
    """The start of the content, with the length of all of it."""
    return lambda handler: send(handler, CONTENT[:count], length=length, **headers)


def ranged(content: bytes = CONTENT, etag: str = ETAG) -> Answer:
    """The content, or the part of it that a request with the right If-Range asks for."""

    def answer(handler: Handler) -> None:
        wanted = handler.headers.get("range", "")
        if not wanted or handler.headers.get("if-range") != etag:
            send(handler, content, ETag=etag)
            return
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        if start >= len(content):
            send(handler, b"", 416, Content_Range=f"bytes */{len(content)}")
            return
        place = f"bytes {start}-{len(content) - 1}/{len(content)}"
        send(handler, content[start:], 206, Content_Range=place, ETag=etag)

    return answer


def chunked_cut(handler: Handler) -> None:
    """Chunks, of which the last isn't whole and no end follows."""
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"3e7\r\n" + CONTENT[:999] + b"\r\nffff\r\n" + CONTENT[999:2000])


def endless(handler: Handler) -> None:
    """A body without a length that never ends."""
    send(handler, b"", length=-1)
    while True:
        handler.wfile.write(CONTENT)


def stalled(count: int, release: threading.Event, etag: str = ETAG) -> Answer:
    """So many bytes, and no more until the event."""

    def answer(handler: Handler) -> None:
        send(handler, CONTENT[:count], length=len(CONTENT), ETag=etag)
        handler.wfile.flush()
        release.wait(600)

    return answer


def drip(*starts: bytes) -> Answer:
    """Each start at once, and then a byte at a time, for as long as the client reads."""

    def answer(handler: Handler) -> None:
        for start in starts:
            handler.wfile.write(start)
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.05)

    return answer


def reset(count: int) -> Answer:
    """So many bytes, and a reset of the connection."""

    def answer(handler: Handler) -> None:
        send(handler, CONTENT[:count], length=len(CONTENT))
        handler.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()

    return answer


@contextmanager
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full, so that no further one is ever answered."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = []
        for _ in range(3):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for each in waiting:
                each.close()


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """A port, and what those who connect to it send."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(1)
                        heard.append(connection.recv(4096))

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)


def certificate(folder: Path) -> Path:
    """Make a key and a certificate of 127.0.0.1 in one file; SSL_CERT_FILE makes it trusted."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(host, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    )
    return path
