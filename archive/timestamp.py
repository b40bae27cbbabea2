"""Time stamps (RFC 3161) for the last manifest of a chain: somebody else's word for what the archive was at a time.

OpenSSL makes the query and checks the answer; the authority is asked over HTTP or by a command. The answer lies beside
the manifest as ``….tsr``; anybody can check it with ``openssl ts -verify -data MANIFEST -in TSR -CAfile CA``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from archive.errors import ArchiveWriteError, TimestampRefused
from archive.manifest import SUFFIX, manifest_folder, read_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.manifest import Line

STAMP_SUFFIX = ".tsr"
ANSWER_LIMIT_BYTES = 1 << 20
WAIT_SECONDS = 60.0

_IMPRINT = re.compile(r"^ {4}[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -])+)", re.MULTILINE)

Ask = Callable[[bytes], bytes]
"""Takes a query (DER) to an authority and brings its answer (DER)."""


def ask_url(url: str) -> Ask:
    """Return a way to ask an authority over HTTP (RFC 3161 section 3.4).

    Raises ValueError where it is no http or https address.
    """
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise ValueError(f"{url!r} is no http or https address")

    def ask(query: bytes) -> bytes:
        request = urllib.request.Request(url, query, {"Content-Type": "application/timestamp-query"})  # noqa: S310 -- checked above
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:  # noqa: S310
                body: bytes = answer.read(ANSWER_LIMIT_BYTES)
                return body
        except (urllib.error.URLError, OSError) as error:
            raise TimestampRefused(
                f"{url}: the authority did not answer ({error}); try again later",
                zh=f"{url}：时间戳机构没有应答（{error}）；请稍后再试",
            ) from error

    return ask


def ask_command(command: Sequence[str]) -> Ask:
    """Return a way to ask a command that takes the query on standard input and writes the answer to standard output."""

    def ask(query: bytes) -> bytes:
        return _run(command, query)

    return ask


def stamp_head(data_dir: Path, agency: str, ask: Ask, *, ca_file: Path | None = None) -> Path:
    """Have an agency's last manifest time-stamped; return where the answer lies.

    Args:
        data_dir: the data directory.
        agency: whose chain.
        ask: brings the query to the authority.
        ca_file: certificates (PEM) that the authority's own must lead to; without it the signature is not checked.

    Raises:
        TimestampRefused: there is nothing to stamp, OpenSSL is missing, or the answer is not one of this query.
        ArchiveWriteError: the answer could not be stored.
    """
    folder = manifest_folder(data_dir, agency)
    head = read_head(folder)
    if head is None:
        raise TimestampRefused(
            f"{folder}: {agency} has no manifest yet; crawl it first", zh=f"{folder}：{agency} 还没有清单；请先抓取"
        )
    manifest = data_dir / head.path
    target = manifest.with_name(manifest.name.removesuffix(SUFFIX) + STAMP_SUFFIX)
    _check_manifest(manifest, head)
    with tempfile.TemporaryDirectory(prefix="govcrawl-timestamp-") as name:
        query_file, answer_file = Path(name) / "query.tsq", Path(name) / "answer.tsr"
        openssl("ts", "-query", "-digest", head.sha256, "-sha256", "-cert", "-out", str(query_file))
        answer_file.write_bytes(ask(query_file.read_bytes()))
        check_stamp(answer_file, head.sha256, ca_file=ca_file)
        if ca_file is not None:
            openssl("ts", "-verify", "-queryfile", str(query_file), "-in", str(answer_file), "-CAfile", str(ca_file))
        _put(target, answer_file.read_bytes())
    return target


def check_stamp(stamp: Path, sha256: str, *, ca_file: Path | None = None) -> None:
    """Check that a time stamp was granted for a digest, and with ``ca_file`` that it is signed.

    Raises :class:`TimestampRefused` where it is not.
    """
    text = openssl("ts", "-reply", "-in", str(stamp), "-text").decode("utf-8", "replace")
    if "Status: Granted" not in text:
        reason = " ".join(text.split())[:200]
        raise TimestampRefused(f"{stamp}: the authority refused: {reason}", zh=f"{stamp}：时间戳机构拒绝了：{reason}")
    message = text.partition("Message data:")[2].partition("\nSerial number:")[0]
    found = "".join(re.sub(r"[ -]", "", line) for line in _IMPRINT.findall(message))
    if found != sha256:
        raise TimestampRefused(
            f"{stamp}: the stamp is for {found or 'nothing readable'}, expected sha256 {sha256}",
            zh=f"{stamp}：时间戳针对的是 {found or '读不出的内容'}，应为 sha256 {sha256}",
        )
    if ca_file is not None:
        openssl("ts", "-verify", "-digest", sha256, "-in", str(stamp), "-CAfile", str(ca_file))


def openssl(*arguments: str) -> bytes:
    """Run OpenSSL and return what it writes.

    Raises :class:`TimestampRefused` where it is not there or says no.
    """
    program = shutil.which("openssl")
    if program is None:
        raise TimestampRefused(
            "openssl is not there: time stamps need it; install it (apt install openssl), then try again",
            zh="缺 openssl，加盖时间戳要用它；请安装（apt install openssl）后再试",
        )
    return _run([program, *arguments], b"")


def _run(command: Sequence[str], data: bytes) -> bytes:
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=WAIT_SECONDS, check=False)  # noqa: S603 -- the user's own
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TimestampRefused(
            f"{command[0]}: could not be run ({error})", zh=f"{command[0]}：不能运行（{error}）"
        ) from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).decode("utf-8", "replace").split())[-300:]
        raise TimestampRefused(
            f"{' '.join(command[:3])}: ended with code {done.returncode}: {said}",
            zh=f"{' '.join(command[:3])}：以 {done.returncode} 退出：{said}",
        )
    return done.stdout


def _check_manifest(manifest: Path, head: Line) -> None:
    try:
        found = hashlib.sha256(manifest.read_bytes()).hexdigest()
    except OSError as error:
        raise TimestampRefused(
            f"{manifest}: HEAD names it, but it cannot be read ({error.strerror}); run verify",
            zh=f"{manifest}：HEAD 写有它，但读不出来（{error.strerror}）；请运行 govcrawl verify",
        ) from error
    if found != head.sha256:
        raise TimestampRefused(
            f"{manifest}: its SHA-256 is {found}, HEAD says {head.sha256}; run verify",
            zh=f"{manifest}：SHA-256 为 {found}，HEAD 所记为 {head.sha256}；请运行 govcrawl verify",
        )


def _put(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise ArchiveWriteError(
            f"{target}: the time stamp could not be stored ({error.strerror}); try again",
            zh=f"{target}：时间戳不能存下（{error.strerror}）；请再试",
        ) from error
