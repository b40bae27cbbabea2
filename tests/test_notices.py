"""Who is told of a verdict, when, and what happens when that does not work."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from monitor_faults import FAULTS, Fault, inject, prepare
from scrapy.settings import Settings

from archive.catalog_walks import Finding
from govcrawl.errors import UsageMistake
from govcrawl.notices import Notifier, Told, named, send, why_tell
from govcrawl.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2024, 6, 1, tzinfo=UTC)
ALARM = Verdict(level="alarm", findings=(Finding(kind="blocked", severity="alarm"),))
OTHER = Verdict(level="alarm", findings=(Finding(kind="redesigned", severity="alarm", channel="公告"),))
WARNING = Verdict(level="warning", findings=(Finding(kind="partial", severity="warning"),))
FINE = Verdict(level="ok")


class Receiver:
    """A server on loopback that keeps what is posted to it; ``answer`` is its status."""

    def __init__(self, answer: int = 200, location: str | None = None) -> None:
        self.got: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(json.loads(body))
                self.send_response(answer)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    one = Receiver()
    yield one
    one.close()


def told(verdict: Verdict, days_ago: float = 1) -> Told:
    """What was told of a verdict so long ago."""
    return Told(told_at=NOW - timedelta(days=days_ago), findings=frozenset(map(named, verdict.findings)))


@pytest.mark.parametrize(
    ("on", "verdict", "before", "expected"),
    [
        ("alarm", FINE, None, None),
        ("alarm", WARNING, None, None),
        ("warning", WARNING, None, "warning"),
        ("alarm", ALARM, None, "alarm"),
        ("alarm", ALARM, told(ALARM), None),
        ("alarm", ALARM, told(ALARM, 8), "alarm"),
        ("alarm", OTHER, told(ALARM), "alarm"),
        ("alarm", FINE, told(ALARM), "recovered"),
        ("alarm", FINE, Told(told_at=NOW, findings=frozenset()), None),
        ("always", FINE, None, "always"),
        ("change", FINE, None, "change"),
    ],
)
def test_when_it_is_told(on: str, verdict: Verdict, before: Told | None, expected: str | None) -> None:
    """An alarm is told once, again after a week, another one at once, and its end once."""
    assert why_tell(verdict, before, Notifier(on=on), NOW, changed=True, finished=True) == expected


def test_a_crawl_that_did_not_end_is_no_recovery() -> None:
    """An interrupted crawl without findings does not mean that an alarm is over."""
    assert why_tell(FINE, told(ALARM), Notifier(), NOW, changed=False, finished=False) is None
    assert why_tell(FINE, None, Notifier(on="change"), NOW, changed=False, finished=True) is None


def test_settings_are_checked() -> None:
    """Nobody named: no notifier; http elsewhere than on this machine, another word, open quotes: refused."""
    assert Notifier.of(Settings()) is None
    good = Settings({"GOVCRAWL_NOTIFY_COMMAND": "mail -s 'two words' a@b", "GOVCRAWL_NOTIFY_SECONDS": 3})
    notifier = Notifier.of(good)
    assert notifier is not None
    assert notifier.command == ("mail", "-s", "two words", "a@b")
    for name, value in (
        ("GOVCRAWL_NOTIFY_WEBHOOK", "http://hooks.example/x"),
        ("GOVCRAWL_NOTIFY_WEBHOOK", "file:///etc/passwd"),
        ("GOVCRAWL_NOTIFY_ON", "never"),
        ("GOVCRAWL_NOTIFY_COMMAND", "mail 'open"),
    ):
        with pytest.raises(UsageMistake, match=name):
            Notifier.of(Settings({"GOVCRAWL_NOTIFY_COMMAND": "true", name: value}))


def test_command_and_webhook_get_the_same_json(tmp_path: Path, receiver: Receiver) -> None:
    """Both are told; the command reads JSON from its standard input and no shell sees it."""
    file = tmp_path / "told.json"
    script = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    notifier = Notifier(command=(sys.executable, "-c", script, str(file)), webhook=receiver.url)
    assert send(notifier, {"agency": "小城市; echo $HOME"}) == ["command", "webhook"]
    assert json.loads(file.read_text("utf-8")) == {"agency": "小城市; echo $HOME"} == receiver.got[0]


def test_what_does_not_work_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A program that is not there, one that fails, one that hangs; a server that refuses, redirects or is away."""
    refusing, leading = Receiver(500), Receiver(302, "http://127.0.0.1:9/elsewhere")
    away = Receiver()
    away.close()
    for command in (
        ("/nonexistent/program",),
        (sys.executable, "-c", "import sys; sys.exit('no mail today')"),
        (sys.executable, "-c", "import time; time.sleep(60)"),
    ):
        assert send(Notifier(command=command, seconds=2), {}) == []
    for one in (refusing, leading, away):
        assert send(Notifier(webhook=one.url, seconds=5), {}) == []
    refusing.close()
    leading.close()
    said = caplog.text
    for words in ("cannot be run", "no mail today", "longer than 2 s", "500", "302", "URLError"):
        assert words in said


def test_a_crawl_tells_of_its_alarm_once_and_of_its_end(tmp_path: Path, receiver: Receiver) -> None:
    """A redesigned site is told with its findings; the next crawl says nothing again; a healthy one that it is over."""
    prepare(tmp_path)
    redesigned = next(one for one in FAULTS if one.name == "lists redesigned")
    hook = ("-s", f"GOVCRAWL_NOTIFY_WEBHOOK={receiver.url}", "-s", "GOVCRAWL_NOTIFY_COMMAND=/nonexistent/program")
    for fault in (redesigned, redesigned, Fault("nothing", frozenset(), lambda _: None)):
        _, _, _, printed = inject(tmp_path, Fault(fault.name, fault.kinds, fault.change, hook))
        assert "Traceback" not in printed
    first, over = receiver.got
    assert (first["reason"], first["verdict"], first["agency"]) == ("alarm", "alarm", "small_sfj")
    assert first["findings"][0]["kind"] == "redesigned"
    assert "改版" in first["findings"][0]["zh"]
    assert (over["reason"], over["verdict"], over["counts"]["new"]) == ("recovered", "ok", 8)
