"""Who is told of a crawl's verdict: a command of the user's, a webhook; what was told already is not told again.

``GOVCRAWL_NOTIFY_ON`` says when: ``alarm``, ``warning`` (alarms too), ``change`` (alarms, and whenever documents changed) or ``always``.
An alarm that stays is told again after ``GOVCRAWL_NOTIFY_AGAIN_DAYS``; that it is over is told once. What was told stands in
``notices/AGENCY.json`` of the data directory. Whatever goes wrong here is a warning in the log and never fails a crawl.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import os
import shlex
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Self
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from archive.catalog_walks import Finding
from archive.errors import ArchiveError
from archive.withheld import read_log, redactor
from govcrawl import __version__, finding_words
from govcrawl.errors import UsageMistake
from govcrawl.speech import say
from govcrawl.verdicts import RANK, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scrapy.settings import BaseSettings

    from govcrawl.session import Session

logger = logging.getLogger(__name__)

WHEN = ("alarm", "warning", "change", "always")
CHANGES = ("new", "changed", "unlisted", "listed", "suspected", "withdrawn", "restored")
SAID_CHARACTERS = 500  # of what a failing command says


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Who is told, and when."""

    command: tuple[str, ...] = ()
    webhook: str = ""
    on: str = "alarm"
    seconds: float = 20.0
    again_days: float = 7.0

    @classmethod
    def of(cls, settings: BaseSettings) -> Self | None:
        """Return what the settings say; ``None`` where nobody is to be told.

        Raises:
            UsageMistake: a value cannot be used.
        """
        command, webhook = settings.get("GOVCRAWL_NOTIFY_COMMAND") or "", settings.get("GOVCRAWL_NOTIFY_WEBHOOK") or ""
        if not command and not webhook:
            return None
        on = settings.get("GOVCRAWL_NOTIFY_ON") or "alarm"
        if on not in WHEN:
            raise UsageMistake(
                say(
                    f"GOVCRAWL_NOTIFY_ON={on!r}：应为 {', '.join(WHEN)} 之一",
                    f"GOVCRAWL_NOTIFY_ON={on!r}: expected one of {', '.join(WHEN)}",
                )
            )
        if webhook and not _may_be_posted_to(webhook):
            raise UsageMistake(
                say(
                    f"GOVCRAWL_NOTIFY_WEBHOOK={webhook!r}：应为 https 网址，或本机的 http 网址",
                    f"GOVCRAWL_NOTIFY_WEBHOOK={webhook!r}: expected an https address, or http on this machine",
                )
            )
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise UsageMistake(
                say(
                    f"GOVCRAWL_NOTIFY_COMMAND={command!r} 不能拆成单词：{error}",
                    f"GOVCRAWL_NOTIFY_COMMAND={command!r} cannot be split into words: {error}",
                )
            ) from None
        return cls(
            command=words,
            webhook=webhook,
            on=on,
            seconds=settings.getfloat("GOVCRAWL_NOTIFY_SECONDS"),
            again_days=settings.getfloat("GOVCRAWL_NOTIFY_AGAIN_DAYS"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told last of an agency."""

    told_at: datetime
    findings: frozenset[str]  # severity, kind and channel of what was told; empty: that it is over

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read it; ``None`` where nothing was told, or the file cannot be read."""
        try:
            said = json.loads(path.read_text("utf-8"))
            return cls(told_at=datetime.fromisoformat(said["told_at"]), findings=frozenset(said["findings"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Keep it; at every instant the file is whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        said = {"told_at": self.told_at.isoformat(), "findings": sorted(self.findings)}
        new = path.with_name(f".{path.name}.{os.getpid()}")
        new.write_text(json.dumps(said, ensure_ascii=False) + "\n", "utf-8")
        new.replace(path)


def named(finding: Finding) -> str:
    """Return by what a finding is known again at the next crawl."""
    return f"{finding.severity} {finding.kind} {finding.channel or ''}".strip()


def why_tell(
    verdict: Verdict, told: Told | None, notifier: Notifier, now: datetime, *, changed: bool, finished: bool
) -> str | None:
    """Return why a crawl is told of: alarm, warning, recovered, change, always; ``None`` where it is not; pure.

    Args:
        verdict: on the crawl.
        told: what was told last.
        notifier: when to tell.
        now: UTC.
        changed: documents changed.
        finished: the crawl came to its end; only then can something be over.
    """
    least = RANK["warning" if notifier.on == "warning" else "alarm"]
    severe = frozenset(named(one) for one in verdict.findings if RANK[one.severity] >= least)
    if severe:
        known = told is not None and severe <= told.findings
        recent = told is not None and now - told.told_at < timedelta(days=notifier.again_days)
        if not (known and recent):
            return verdict.level
    elif told is not None and told.findings and finished:
        return "recovered"
    if notifier.on == "always":
        return "always"
    return "change" if notifier.on == "change" and changed else None


def payload(session: Session, verdict: Verdict, reason: str) -> dict[str, Any]:
    """Return what is told, as JSON: docs/monitoring.md."""
    return {
        "software": f"govcrawl/{__version__}",
        "reason": reason,
        "agency": session.spider.name,
        "title": session.spider.agency,
        "crawl_id": session.crawl_id,
        "mode": session.spider.mode,
        "outcome": session.outcome,
        "verdict": verdict.level,
        "finished_at": (session.finished_at or datetime.now(UTC)).isoformat().replace("+00:00", "Z"),
        "data_dir": str(session.store.data_dir.resolve()),
        "counts": {name: session.tally.counts[name] for name in (*CHANGES, "unchanged", "failed", "requests")},
        "findings": [
            {
                "kind": one.kind,
                "severity": one.severity,
                "channel": one.channel,
                "zh": finding_words.sentence(one.kind, one.facts, "zh"),
                "en": finding_words.sentence(one.kind, one.facts, "en"),
                "facts": dict(one.facts),
            }
            for one in verdict.findings
        ],
    }


def without_withheld(data_dir: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Return what is told without the addresses of withheld documents, by the log of them.

    Raises:
        ArchiveError: the log cannot be read.
    """
    take_out = redactor(url for change in read_log(data_dir).standing().values() for url in change.urls)
    findings = json.loads(take_out(json.dumps(told["findings"], ensure_ascii=False)))
    return {**told, "findings": findings}


async def tell(session: Session) -> None:
    """Tell whom the settings name of a crawl that has ended, where there is something to tell."""
    try:
        notifier = Notifier.of(session.crawler.settings)
    except UsageMistake as error:
        logger.warning("nobody was notified crawl=%s: %s", session.crawl_id, error)
        return
    if notifier is not None:
        await asyncio.to_thread(_tell, session, notifier)


def _tell(session: Session, notifier: Notifier) -> None:
    verdict = session.verdict
    if verdict is None:  # it could not even be judged
        word, sentence = session.tally.fatal or ("unknown", "the crawl could not be judged")
        said = {"reason": word, "message": sentence}
        verdict = Verdict(level="alarm", findings=(Finding(kind="failed", severity="alarm", facts=said),))
    path = session.store.data_dir / "notices" / f"{session.spider.name}.json"
    told, now = Told.read(path), datetime.now(UTC)
    changed = any(session.tally.counts[name] for name in CHANGES)
    finished = session.outcome == "finished"
    reason = why_tell(verdict, told, notifier, now, changed=changed, finished=finished)
    if reason is None:
        return
    try:
        told_now = without_withheld(session.store.data_dir, payload(session, verdict, reason))
    except ArchiveError as error:
        logger.warning("nobody was notified crawl=%s: %s", session.crawl_id, error)
        return
    sent = send(notifier, told_now)
    if not sent:
        return
    logger.info("notified crawl=%s reason=%s by=%s", session.crawl_id, reason, ",".join(sent))
    if reason in {"alarm", "warning", "recovered"}:
        try:
            Told(
                told_at=now, findings=frozenset(map(named, verdict.findings)) if reason != "recovered" else frozenset()
            ).write(path)
        except OSError as error:
            logger.warning("what was told cannot be remembered in %s: %s; it will be told again", path, error)


def send(notifier: Notifier, said: Mapping[str, Any]) -> list[str]:
    """Tell the command and the webhook; returns which of them took it, the others are in the log."""
    body = json.dumps(said, ensure_ascii=False, sort_keys=True).encode()
    took = []
    if notifier.command:
        problem = _run(notifier.command, body, notifier.seconds)
        took += ["command"] if problem is None else []
        if problem is not None:
            logger.warning("notification failed command=%s: %s", notifier.command[0], problem)
    if notifier.webhook:
        problem = _post(notifier.webhook, body, notifier.seconds)
        took += ["webhook"] if problem is None else []
        if problem is not None:
            logger.warning("notification failed webhook=%s: %s", urlsplit(notifier.webhook).hostname, problem)
    return took


def _run(command: tuple[str, ...], body: bytes, seconds: float) -> str | None:
    """Run a command with the JSON on its standard input; returns what went wrong."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that what it started ends with it
        )
    except OSError as error:
        return (
            f"it cannot be run ({error.strerror or error}); GOVCRAWL_NOTIFY_COMMAND names a program with its arguments"
        )
    with process:
        try:
            _, said = process.communicate(body, timeout=seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return f"it took longer than {seconds:g} s (GOVCRAWL_NOTIFY_SECONDS) and was ended"
    if process.returncode:
        return f"exit code {process.returncode}: {said.decode('utf-8', 'replace').strip()[-SAID_CHARACTERS:]}"
    return None


class _NoRedirects(HTTPRedirectHandler):
    """What is told goes to the address that was named and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing; the redirect is an error."""


def _post(url: str, body: bytes, seconds: float) -> str | None:
    """Post the JSON; returns what went wrong."""
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"govcrawl/{__version__}"}
    request = Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - https, or this machine; checked
    handlers = [_NoRedirects(), *([ProxyHandler({})] if _is_loopback(url) else [])]
    try:
        with build_opener(*handlers).open(request, timeout=seconds) as response:
            response.read(1)
    except (URLError, HTTPException, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _may_be_posted_to(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(url)))
    except ValueError:
        return False


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
