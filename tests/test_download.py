"""The wire tap against a byte oracle: what is archived is what crossed the wire."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from oracle import Oracle, Talk, write_certificate
from wire_cases import CASES, GARBAGE_BYTES, GARBAGE_CASES, Case, ok

SCHEMES = ("http", "https")
HOST = "tap.test"
PORTS = {"http": 80, "https": 443}
EXTRA = {"proxied": ((ok(b"by proxy"),),), "direct": ((ok(b"direct"),),)}


@dataclass(frozen=True, slots=True)
class Crawl:
    """One finished crawl through the tap, seen from both sides."""

    scheme: str
    oracle: Oracle
    proxy: Oracle
    result: dict[str, Any]
    log: str

    def exchanges(self, case: str) -> list[dict[str, Any]]:
        """Return what was archived of one case, in order."""
        return [exchange for exchange in self.result["exchanges"] if exchange["case"] == case]

    def outcomes(self, case: str) -> list[dict[str, Any]]:
        """Return how the requests of one case ended."""
        return [outcome for outcome in self.result["outcomes"] if outcome["case"] == case]


def crawl(plan: dict[str, Any], directory: Path) -> tuple[dict[str, Any], str]:
    """Run one crawl in a process of its own and return its result and log."""
    plan_file, result_file = directory / "plan.json", directory / "result.json"
    plan_file.write_text(
        json.dumps({"settings": {}, "cancel": [], "connect_to": "", "file_bytes": None, **plan}), encoding="utf-8"
    )
    driver = Path(__file__).with_name("tap_crawl.py")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    run = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:govcrawl", driver, plan_file, result_file],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    assert result_file.exists(), run.stderr
    return json.loads(result_file.read_text(encoding="utf-8")), run.stderr


def requests_of(scheme: str, case: Case) -> list[dict[str, Any]]:
    """Return the planned requests of one case."""
    planned = []
    for request in case.requests:
        arguments = dict(request)
        url = f"{scheme}://{HOST}/{case.name}{arguments.pop('to', '')}"
        planned.append({"url": url, "meta": case.meta, **arguments})
    return planned


@pytest.fixture(scope="module", params=SCHEMES)
def crawled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    """Crawl every case over one scheme, once."""
    scheme: str = request.param
    directory = tmp_path_factory.mktemp(f"tap-{scheme}")
    certificate = write_certificate(directory)
    scripts = {case.name: case.answers for case in (*CASES, *GARBAGE_CASES)} | EXTRA
    oracle = Oracle(scripts, certificate, tls=scheme == "https")
    proxy = Oracle(scripts, certificate)
    with oracle, proxy:
        planned = [request for case in (*CASES, *GARBAGE_CASES) for request in requests_of(scheme, case)]
        planned += [
            {"url": f"{scheme}://nowhere.test/unresolved"},
            {"url": f"{scheme}://behind.test/proxied", "meta": {"proxy": f"http://127.0.0.1:{proxy.port}"}},
            {
                "url": f"{scheme}://{HOST}/direct",
                "meta": {"proxy": f"http://127.0.0.1:{proxy.port}"},
                "headers": {"Proxy-Authorization": "Basic c2VjcmV0"},
            },
            {"url": f"{scheme}://127.0.0.1:{oracle.port}/plain/unmapped#fragment"},
        ]
        plan = {
            "connect_to": f"{HOST}:{PORTS[scheme]}:127.0.0.1:{oracle.port}",
            "requests": planned,
            "cancel": [f"{scheme}://{HOST}/cancelled"],
        }
        result, log = crawl(plan, directory)
    return Crawl(scheme, oracle, proxy, result, log)


def answered(talks: list[Talk]) -> list[Talk]:
    """Return the exchanges in which the server sent anything."""
    return [talk for talk in talks if talk.sent]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_exchange_equals_the_wire(crawled: Crawl, case: Case) -> None:
    """Request and response are archived byte for byte, with the reason where the response was cut."""
    talks, exchanges = answered(crawled.oracle.of(case.name)), crawled.exchanges(case.name)
    if case.name == "plain":
        exchanges, talks = exchanges[:-1], talks[:-1]  # the last one is test_unmapped_address_is_asked_directly's
    assert [b64decode(exchange["request"]) for exchange in exchanges] == [talk.received for talk in talks]
    assert [b64decode(exchange["response"]) for exchange in exchanges] == [talk.sent for talk in talks]
    assert [exchange["response_bytes"] for exchange in exchanges] == [len(talk.sent) for talk in talks]
    assert [exchange["truncated"] for exchange in exchanges] == list(case.truncated)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_download_ends_as_it_would_without_the_tap(crawled: Crawl, case: Case) -> None:
    """The spider sees Scrapy's own response or error, and the capture of the last exchange in its meta."""
    outcomes = crawled.outcomes(case.name)
    if case.name == "plain":
        outcomes = outcomes[:-1]
    assert [outcome["outcome"] for outcome in outcomes] == list(case.outcomes)
    if case.body is not None:
        assert b64decode(outcomes[-1]["body"]) == case.body
    expects_capture = bool(case.truncated) and not case.name.startswith("refused-")
    assert all((outcome["capture"] is not None) == expects_capture for outcome in outcomes)


@pytest.mark.parametrize("case", GARBAGE_CASES, ids=lambda case: case.name)
def test_bytes_after_the_end_are_no_part_of_the_exchange(crawled: Crawl, case: Case) -> None:
    """What follows a response in the same piece is left out and the connection is not used again."""
    (talk,), (exchange,) = crawled.oracle.of(case.name), crawled.exchanges(case.name)
    assert b64decode(exchange["request"]) == talk.received
    assert b64decode(exchange["response"]) == talk.sent[: -GARBAGE_BYTES[case.name]]
    assert exchange["truncated"] is None
    assert [outcome["outcome"] for outcome in crawled.outcomes(case.name)] == list(case.outcomes)
    assert crawled.oracle.talks[-1].connection != talk.connection
    later = crawled.oracle.talks[crawled.oracle.talks.index(talk) + 1 :]
    assert talk.connection not in [other.connection for other in later]


def test_every_answered_exchange_is_archived_once(crawled: Crawl) -> None:
    """The archive has as many exchanges as the server answered, robots.txt among them."""
    assert len(crawled.result["exchanges"]) == len(answered(crawled.oracle.talks)) + len(crawled.proxy.talks)
    assert crawled.exchanges("robots.txt")


def test_turn_is_awaited_before_every_request(crawled: Crawl) -> None:
    """Each request waits for its server's turn, before it is sent: also the repetition on a fresh connection."""
    turns = Counter(url.split("/")[3] for url in crawled.result["turns"])
    asked = Counter(talk.case for talk in crawled.oracle.talks + crawled.proxy.talks)
    del turns["robots.txt"], turns["unresolved"], asked["robots.txt"]
    assert turns == asked


def test_kept_connection_carries_several_exchanges(crawled: Crawl) -> None:
    """Exchanges that share a connection do not leak into each other."""
    connections = {talk.connection for talk in crawled.oracle.of("reuse")}
    assert len(connections) == 1
    assert len(crawled.exchanges("reuse")) == len(crawled.oracle.of("reuse"))


def test_stale_connection_is_repeated_and_only_the_answered_exchange_archived(crawled: Crawl) -> None:
    """The second attempt is archived; the first, without an answer, is only logged."""
    first, stale, fresh = crawled.oracle.of("stale")
    assert first.connection == stale.connection != fresh.connection
    assert stale.received == fresh.received
    assert re.search(r"exchange without a response byte not archived url=\S+/stale ", crawled.log)


def test_nothing_private_is_sent(crawled: Crawl) -> None:
    """Requests bear no header but Scrapy's own and the caller's."""
    names = {
        line.partition(b":")[0].lower()
        for talk in crawled.oracle.talks
        for line in talk.received.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    }
    own = {b"host", b"accept", b"accept-language", b"accept-encoding", b"user-agent", b"referer"}
    assert names - own == {b"content-length", b"content-type", b"if-none-match", b"if-modified-since"}


def test_large_response_is_spooled_to_disk(crawled: Crawl) -> None:
    """Only a response of more than 1 MiB leaves memory."""
    spooled = {exchange["case"] for exchange in crawled.result["exchanges"] if exchange["spooled"]}
    assert spooled == {"large", "large-chunked"}


def test_exchange_says_when_where_and_how(crawled: Crawl) -> None:
    """Begin in UTC with microseconds, duration, peer address and TLS parameters are those of the connection."""
    exchanges = crawled.result["exchanges"]
    begins = [datetime.fromisoformat(exchange["started_at"]) for exchange in exchanges]
    reuse = [datetime.fromisoformat(exchange["started_at"]) for exchange in crawled.exchanges("reuse")]
    assert reuse == sorted(set(reuse))
    assert {begin.utcoffset() for begin in begins} == {begins[0].utcoffset()}
    assert begins[0].tzname() == "UTC"
    assert any(begin.microsecond % 1000 for begin in begins)
    assert {exchange["ip"] for exchange in exchanges} == {"127.0.0.1"}
    assert all(0 < exchange["elapsed_seconds"] < 60 for exchange in exchanges)
    tls = {(exchange["tls_version"], bool(exchange["tls_cipher"])) for exchange in exchanges}
    assert tls == ({("TLSv1.3", True)} if crawled.scheme == "https" else {(None, False)})


def test_real_names_stay_when_connecting_elsewhere(crawled: Crawl) -> None:
    """Host header, SNI and recorded URI are those of the site, not of the address connected to."""
    (talk,), (exchange,) = crawled.oracle.of("404"), crawled.exchanges("404")
    assert f"\r\nHost: {HOST}\r\n".encode() in talk.received
    assert talk.sni == (HOST if crawled.scheme == "https" else None)
    assert exchange["url"] == f"{crawled.scheme}://{HOST}/404"


def test_unmapped_address_is_asked_directly(crawled: Crawl) -> None:
    """A request that no rule matches goes where its URL says; the fragment is not recorded."""
    talk, exchange = crawled.oracle.of("plain")[-1], crawled.exchanges("plain")[-1]
    assert exchange["url"] == f"{crawled.scheme}://127.0.0.1:{crawled.oracle.port}/plain/unmapped"
    assert (b64decode(exchange["request"]), b64decode(exchange["response"])) == (talk.received, talk.sent)


def test_unknown_name_is_no_capture(crawled: Crawl) -> None:
    """A host that cannot be resolved gives Scrapy's error and nothing to archive."""
    assert [outcome["outcome"] for outcome in crawled.outcomes("unresolved")] == ["CannotResolveHostError"]
    assert not crawled.exchanges("unresolved")


def test_proxied_exchange_is_archived_as_sent(crawled: Crawl) -> None:
    """Over a proxy the request is absolute-form (http), or what passes inside the tunnel without its CONNECT (https)."""
    (talk,), (exchange,) = crawled.proxy.of("proxied"), crawled.exchanges("proxied")
    assert (b64decode(exchange["request"]), b64decode(exchange["response"])) == (talk.received, talk.sent)
    target = b"http://behind.test/proxied" if crawled.scheme == "http" else b"/proxied"
    assert talk.received.startswith(b"GET " + target + b" HTTP/1.1\r\n")
    assert [connect.split(b" ")[1] for connect in crawled.proxy.connects][:1] == (
        [] if crawled.scheme == "http" else [b"behind.test:443"]
    )
    assert (exchange["tls_version"] is not None) == (crawled.scheme == "https")


def test_connecting_elsewhere_leaves_the_proxy_out(crawled: Crawl) -> None:
    """A rule of GOVCRAWL_CONNECT_TO wins over a proxy, whose credentials are not sent to the site."""
    (talk,) = crawled.oracle.of("direct")
    assert not crawled.proxy.of("direct")
    assert talk.received.startswith(b"GET /direct HTTP/1.1\r\n")
    assert b"proxy-authorization" not in talk.received.lower()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"settings": {"EXTENSIONS": {}}}, "found none: a crawl does not run without its archive"),
        ({"settings": {"EXTENSIONS": {"__main__.Memory": 0, "tap_crawl.Memory": 1}}}, "found Memory, Memory: a crawl"),
        ({"connect_to": "tap.test:eighty:127.0.0.1:1"}, "PORT of 'tap.test:eighty:127.0.0.1:1' is 'eighty'"),
    ],
    ids=["no-archive", "two-archives", "bad-connect-to"],
)
def test_misconfigured_handler_sends_nothing(overrides: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Without exactly one archive, or with rules that cannot be read, no request is sent and the log says why."""
    with Oracle({}, write_certificate(tmp_path)) as oracle:
        requests = [{"url": f"http://127.0.0.1:{oracle.port}/never"}]
        result, log = crawl({"requests": requests, **overrides}, tmp_path)
    assert [outcome["outcome"] for outcome in result["outcomes"]] == ["NotSupported"]
    assert not oracle.talks
    assert message in log


def test_response_that_cannot_be_kept_fails(tmp_path: Path) -> None:
    """Without room for the temporary file the request fails as one that could not be archived; smaller ones go on."""
    scripts = {case.name: case.answers for case in CASES if case.name in {"large", "plain", "robots.txt"}}
    with Oracle(scripts, write_certificate(tmp_path)) as oracle:
        requests = [{"url": f"http://127.0.0.1:{oracle.port}/{name}"} for name in ("large", "plain")]
        result, _ = crawl({"requests": requests, "file_bytes": 1_500_000}, tmp_path)
    assert [outcome["outcome"] for outcome in result["outcomes"]] == ["ArchiveWriteError", "200"]
    assert [exchange["case"] for exchange in result["exchanges"]] == ["robots.txt", "plain"]
