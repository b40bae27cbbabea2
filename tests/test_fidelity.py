"""From wire to WARC: what the archive holds of each nasty exchange is what the server sent and received, to the byte."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from oracle import Oracle, write_certificate
from test_download import HOST, PORTS, SCHEMES, answered, requests_of
from warcs import block_of, fields_of, members_of
from wire_cases import CASES, GARBAGE_BYTES, GARBAGE_CASES, Case

from archive.catalog import Catalog
from archive.verify import Counts, silent, verify_paths

if TYPE_CHECKING:
    from oracle import Talk

REFUSED = {case.name for case in CASES if case.name.startswith("refused-")}  # another archive's refusals
ALL_CASES = [case for case in (*CASES, *GARBAGE_CASES) if case.name not in REFUSED]
REVISITS = {"duplicate": [1], "etag-304": [1]}  # which captures of a case are kept as a revisit


@dataclass(frozen=True, slots=True)
class Kept:
    """One capture as it lies in the WARC file, read without the code under test."""

    response: bytes  # the record: response or revisit
    request: bytes
    metadata: bytes


@dataclass(frozen=True, slots=True)
class Archived:
    """One finished crawl: the server's log and the archive."""

    scheme: str
    oracle: Oracle
    data: Path
    kept: dict[str, list[Kept]] = field(default_factory=dict)


def read_archive(data: Path) -> dict[str, list[Kept]]:
    """Return the captures in the crawl's WARC file by case, in order."""
    (path,) = (data / "warc" / "oracle").iterdir()
    records = [record for _, record in members_of(path)]
    by_id = {fields_of(record)["WARC-Record-ID"]: record for record in records}
    partners: dict[str, dict[str, bytes]] = {}
    for record in records:
        fields = fields_of(record)
        if fields["WARC-Type"] in {"request", "metadata"} and "WARC-Concurrent-To" in fields:
            partners.setdefault(fields["WARC-Concurrent-To"], {})[fields["WARC-Type"]] = record
    kept: dict[str, list[Kept]] = {}
    for record_id, pair in partners.items():
        record = by_id[record_id]
        case = urlsplit(fields_of(record)["WARC-Target-URI"]).path.split("/")[1]
        kept.setdefault(case, []).append(Kept(record, pair["request"], pair["metadata"]))
    return kept


@pytest.fixture(scope="module", params=SCHEMES)
def archived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Archived:
    """Crawl every case over one scheme into a data directory, once."""
    scheme: str = request.param
    directory = tmp_path_factory.mktemp(f"fidelity-{scheme}")
    scripts = {case.name: case.answers for case in ALL_CASES}
    driver = Path(__file__).with_name("fidelity_crawl.py")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with Oracle(scripts, write_certificate(directory), tls=scheme == "https") as oracle:
        plan = {
            "connect_to": f"{HOST}:{PORTS[scheme]}:127.0.0.1:{oracle.port}",
            "requests": [request for case in ALL_CASES for request in requests_of(scheme, case)],
            "cancel": [f"{scheme}://{HOST}/cancelled"],
        }
        (directory / "plan.json").write_text(json.dumps(plan), "utf-8")
        run = subprocess.run(
            [sys.executable, driver, directory / "plan.json", directory / "data"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment,
        )
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr, run.stderr
    return Archived(scheme, oracle, directory / "data", read_archive(directory / "data"))


def sent(case: Case, talk: Talk) -> bytes:
    """Return the response as its own framing ends it."""
    return talk.sent[: -GARBAGE_BYTES[case.name]] if case.name in GARBAGE_BYTES else talk.sent


def head_of(message: bytes) -> bytes:
    """Return a response up to its blank line."""
    return message[: message.index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)
def test_blocks_equal_the_wire(archived: Archived, case: Case) -> None:
    """Request and response blocks in the WARC file are the bytes of the wire; of a revisit, its head."""
    talks, kept = answered(archived.oracle.of(case.name)), archived.kept.get(case.name, [])
    assert [block_of(one.request) for one in kept] == [talk.received for talk in talks]
    revisits = REVISITS.get(case.name, [])
    expected = [head_of(talk.sent) if n in revisits else sent(case, talk) for n, talk in enumerate(talks)]
    assert [block_of(one.response) for one in kept] == expected
    types = ["revisit" if n in revisits else "response" for n in range(len(talks))]
    assert [fields_of(one.response)["WARC-Type"] for one in kept] == types


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)
def test_records_say_what_they_hold(archived: Archived, case: Case) -> None:
    """Block digests are of the bytes on the wire, a cut response says why, and TLS is named where it was used."""
    talks, kept = answered(archived.oracle.of(case.name)), archived.kept.get(case.name, [])
    for number, (talk, one) in enumerate(zip(talks, kept, strict=True)):
        revisit = number in REVISITS.get(case.name, [])
        for record, data in (
            (one.response, head_of(talk.sent) if revisit else sent(case, talk)),
            (one.request, talk.received),
        ):
            assert fields_of(record)["WARC-Block-Digest"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
        cut = "length" if revisit and len(head_of(talk.sent)) < len(talk.sent) else case.truncated[number]
        assert fields_of(one.response).get("WARC-Truncated") == cut
        protocols = re.findall(rb"(?m)^WARC-Protocol: (\S+)", one.response.partition(b"\r\n\r\n")[0])
        assert (b"tls/1.3" in protocols) == (archived.scheme == "https")
        assert ("WARC-Cipher-Suite" in fields_of(one.response)) == (archived.scheme == "https")


def test_every_answered_exchange_is_in_the_file_and_in_the_catalog(archived: Archived) -> None:
    """Nothing the server answered is missing, nothing is there twice, and each capture has its row."""
    talks = answered(archived.oracle.talks)
    assert sum(map(len, archived.kept.values())) == len(talks)
    assert len(talks) >= 40
    with Catalog.open_read_only(archived.data / "catalog.db") as catalog:
        rows = catalog.file.rows("SELECT record_id FROM captures ORDER BY record_id")
    ids = sorted(fields_of(one.response)["WARC-Record-ID"] for kept in archived.kept.values() for one in kept)
    assert [row["record_id"] for row in rows] == ids


def test_own_verifier_finds_nothing(archived: Archived) -> None:
    """What was written of every nasty exchange is without a flaw."""
    findings = verify_paths([archived.data], deep=True, counts=Counts(), progress=silent)
    assert [str(finding) for finding in findings if finding.severity != "note"] == []  # a note: no HTTP at all came


def test_certificates_are_kept_once_and_named_by_every_capture(archived: Archived) -> None:
    """The chain that the server showed is one PEM record in the file, and each capture over TLS refers to it."""
    (path,) = (archived.data / "warc" / "oracle").iterdir()
    chains = [record for _, record in members_of(path) if b"\r\nWARC-Type: resource\r\n" in record]
    if archived.scheme == "http":
        assert chains == []
        assert not any(b"\r\ncertificates: " in one.metadata for kept in archived.kept.values() for one in kept)
        return
    (chain,) = chains
    fields = fields_of(chain)
    assert fields["WARC-Target-URI"] == f"urn:govcrawl:tls:{HOST}:443"
    assert fields["Content-Type"] == "application/pem-certificate-chain"
    pem = (archived.data.parent / "oracle.pem").read_text("ascii")
    assert block_of(chain).decode() == pem[pem.index("-----BEGIN CERTIFICATE") :]
    for kept in archived.kept.values():
        for one in kept:
            assert f"\r\ncertificates: {fields['WARC-Record-ID']}\r\n".encode() in one.metadata
