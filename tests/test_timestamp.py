"""Time stamps of the chain's head, with OpenSSL as the authority."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from datadirs import make_data, manifests_in, told
from warcs import AGENCY

from archive.errors import TimestampRefused
from archive.timestamp import ask_command, ask_url, check_stamp, stamp_head
from archive.verify import Counts, silent
from archive.verify.datadir import verify_data
from govcrawl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = """
[req]
distinguished_name = name
[name]
[tsa]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
[extensions]
extendedKeyUsage = critical,timeStamping
"""


def openssl(*arguments: str) -> None:
    """Run OpenSSL."""
    program = shutil.which("openssl")
    assert program, "openssl is on the machine"
    subprocess.run([program, *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority's keys, certificates and a script that answers queries."""
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    config = str(folder / "tsa.cnf")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    root, root_key = str(folder / "ca.pem"), str(folder / "ca.key")
    openssl("req", "-x509", *key, "-keyout", root_key, "-out", root, "-subj", "/CN=root", "-days", "2")
    request, signer, signer_key = str(folder / "tsa.csr"), str(folder / "tsa.pem"), str(folder / "tsa.key")
    openssl("req", "-new", *key, "-config", config, "-keyout", signer_key, "-out", request, "-subj", "/CN=tsa")
    openssl(
        *("x509", "-req", "-in", request, "-CA", root, "-CAkey", root_key, "-CAcreateserial", "-days", "2"),
        *("-extfile", config, "-extensions", "extensions", "-out", signer),
    )
    (folder / "answer.py").write_text(
        "import subprocess, sys\n"
        f"open({str(folder / 'query.tsq')!r}, 'wb').write(sys.stdin.buffer.read())\n"
        f"sys.exit(subprocess.run(['openssl', 'ts', '-reply', '-config', {config!r}, '-section', 'tsa', '-queryfile',"
        f" {str(folder / 'query.tsq')!r}, '-signer', {signer!r}, '-inkey', {signer_key!r}]).returncode)\n"
    )
    return folder


def command(authority: Path) -> list[str]:
    """The command that answers queries."""
    return [sys.executable, str(authority / "answer.py")]


@contextmanager
def served(authority: Path, status: int = 200) -> Iterator[str]:
    """The authority over HTTP."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            answer = ask_command(command(authority))(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_head_is_stamped_by_a_command_and_checked_by_openssl(tmp_path: Path, authority: Path) -> None:
    """The answer lies beside the last manifest, and OpenSSL alone confirms it from the files."""
    data = make_data(tmp_path / "data", 2)
    stamp = stamp_head(data, AGENCY.name, ask_command(command(authority)), ca_file=authority / "ca.pem")
    manifest = manifests_in(data)[-1]
    assert stamp == manifest.with_suffix(".tsr")
    openssl("ts", "-verify", "-data", str(manifest), "-in", str(stamp), "-CAfile", str(authority / "ca.pem"))
    findings = list(verify_data(data, deep=False, counts=Counts(), progress=silent))
    assert told(findings) == set()


def test_command_stamps_over_http(tmp_path: Path, authority: Path) -> None:
    """``govcrawl timestamp --tsa URL`` asks over HTTP and says what it kept."""
    data = make_data(tmp_path / "data", 1)
    with served(authority) as url:
        arguments = ["timestamp", "--tsa", url, "--ca", str(authority / "ca.pem"), "--data", str(data)]
        done = CliRunner(env={"GOVCRAWL_LANG": "en"}).invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert done.output == f"{AGENCY.name}: manifests/{AGENCY.name}/000001-crawl-1.tsr: signature checked\n"


def test_stamp_of_something_else_is_found(tmp_path: Path, authority: Path) -> None:
    """A stamp that does not fit its manifest is a finding, and is refused when it is asked for."""
    data = make_data(tmp_path / "data", 2)
    stamp = stamp_head(data, AGENCY.name, ask_command(command(authority)))
    first, _ = manifests_in(data)
    shutil.copy(stamp, first.with_suffix(".tsr"))
    found = told(list(verify_data(data, deep=False, counts=Counts(), progress=silent)))
    assert found == {("timestamp", f"manifests/{AGENCY.name}/{first.with_suffix('.tsr').name}")}
    with pytest.raises(TimestampRefused, match="the stamp is for"):
        check_stamp(stamp, "0" * 64)


def test_what_an_authority_may_not_do(tmp_path: Path, authority: Path) -> None:
    """No answer, an answer that is none, and a signer nobody knows leave no stamp behind."""
    data = make_data(tmp_path / "data", 1)
    other = tmp_path / "other.pem"
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(tmp_path / "other.key"), "-out", str(other), "-subj", "/CN=other", "-days", "2"),
    )
    with pytest.raises(TimestampRefused, match="ended with code"):
        stamp_head(data, AGENCY.name, ask_command(command(authority)), ca_file=other)
    with pytest.raises(TimestampRefused, match="ended with code"):
        stamp_head(data, AGENCY.name, lambda query: query)
    with served(authority, status=503) as url, pytest.raises(TimestampRefused, match="did not answer"):
        stamp_head(data, AGENCY.name, ask_url(url))
    with pytest.raises(TimestampRefused, match="could not be run"):
        stamp_head(data, AGENCY.name, ask_command([str(tmp_path / "none")]))
    assert not list((data / "manifests" / AGENCY.name).glob("*.tsr"))


def test_nothing_to_stamp_and_no_openssl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a manifest, with one that HEAD does not fit, and without OpenSSL the message says what to do."""
    with pytest.raises(TimestampRefused, match="crawl it first"):
        stamp_head(tmp_path, AGENCY.name, lambda query: query)
    data = make_data(tmp_path / "data", 1)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TimestampRefused, match="install it"):
        stamp_head(data, AGENCY.name, lambda query: query)
    manifests_in(data)[0].write_text("changed\n")
    with pytest.raises(TimestampRefused, match="run verify"):
        stamp_head(data, AGENCY.name, lambda query: query)


@pytest.mark.parametrize(
    "arguments", [(), ("--tsa", "file:///etc/passwd"), ("--tsa", "http://a.test", "--command", "x")]
)
def test_command_called_wrongly(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """One authority has to be given, by an address or a command: else exit code 2."""
    done = CliRunner().invoke(main, ["timestamp", *arguments, "--data", str(tmp_path)])
    assert done.exit_code == 2
