"""A byte oracle: a raw-socket HTTP server that plays scripted answers and logs the exact bytes of every exchange."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_GUARD_SECONDS = 60  # no test waits as long; a thread never outlives a broken one


class Step(Enum):
    """What a script does besides sending bytes."""

    CLOSE = "close the connection"
    RESET = "break the connection off (RST)"
    HANG = "send no more and wait until the client closes"


Script = tuple[bytes | Step, ...]
"""One answer: its pieces, each sent on its own; the connection stays open unless a step ends it."""


@dataclass(slots=True)
class Talk:
    """One exchange as the server saw it."""

    connection: int
    case: str  # first segment of the path
    received: bytes
    sent: bytes = b""
    sni: str | None = None


def write_certificate(directory: Path) -> Path:
    """Write a throw-away key and self-signed certificate, for a name that no test asks for, and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1))  # expired: agency sites' certificates often are
        .sign(key, hashes.SHA256())
    )
    path = directory / "oracle.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Oracle:
    """The server; a context manager. ``talks`` is complete once the client has seen the answers' ends.

    ``scripts`` maps the first segment of a path to the answers of its first, second … request; the last one repeats. A
    CONNECT is answered 200 and the connection goes on over TLS.
    """

    def __init__(self, scripts: Mapping[str, tuple[Script, ...]], certificate: Path, *, tls: bool = False) -> None:
        self.talks: list[Talk] = []
        self.connects: list[bytes] = []
        self.answers: list[threading.Thread] = []
        self._scripts = scripts
        self._tls = tls
        self._visits: Counter[str] = Counter()
        self._connections = 0
        self._lock = threading.Lock()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._names: dict[ssl.SSLObject | ssl.SSLSocket, str | None] = {}
        self._context.sni_callback = self._note_sni
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(_GUARD_SECONDS)
        for thread in self.answers:
            thread.join(_GUARD_SECONDS)

    def of(self, case: str) -> list[Talk]:
        """Return the exchanges of one case, in the order they began."""
        return [talk for talk in self.talks if talk.case == case]

    def _note_sni(self, sock: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        self._names[sock] = name

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._connections += 1
            thread = threading.Thread(target=self._serve, args=(sock, self._connections), daemon=True)
            self.answers.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, connection: int) -> None:
        sock.settimeout(_GUARD_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):  # the client closes when it likes
            if self._tls:
                sock = self._context.wrap_socket(sock, server_side=True)
            while request := _read_request(sock):
                if request.startswith(b"CONNECT "):
                    self.connects.append(request)
                    sock.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: oracle\r\n\r\n")
                    sock = self._context.wrap_socket(sock, server_side=True)
                    continue
                name = self._names.get(sock) if isinstance(sock, ssl.SSLSocket) else None
                if not self._answer(sock, request, connection, name):
                    break
        sock.close()

    def _answer(self, sock: socket.socket, request: bytes, connection: int, sni: str | None) -> bool:
        """Play one script; return whether the connection stays open."""
        case = urlsplit(request.split(b" ", 2)[1].decode("ascii")).path.split("/")[1]
        with self._lock:
            scripts = self._scripts[case]
            script = scripts[min(self._visits[case], len(scripts) - 1)]
            self._visits[case] += 1
            talk = Talk(connection, case, request, sni=sni)
            self.talks.append(talk)
        for step in script:
            if isinstance(step, bytes):
                talk.sent += step  # before it is sent: once the client has it the log must have it
                sock.sendall(step)
            elif step is Step.HANG:
                while sock.recv(65536):
                    pass
                return False
            else:
                if step is Step.RESET:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
        return True


def _read_request(sock: socket.socket) -> bytes:
    """Return one request, head and body, or nothing when the client closed."""
    request = b""
    while b"\r\n\r\n" not in request:
        data = sock.recv(65536)
        if not data:
            return b""
        request += data
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0:
        data = sock.recv(missing)
        if not data:
            return b""
        request += data
        missing -= len(data)
    return request
