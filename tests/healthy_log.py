"""A healthy month of a made-up agency, crawl by crawl through a real catalog, and the verdict on each.

Growth, edits, withdrawals, documents without a source, attachments that fail now and then, quiet weekends, a holiday week,
head walks with a whole walk a week. Nothing of it is a fault. The test suite runs a few seeds; more::

    python3 run.py python tests/healthy_log.py 200
"""

from __future__ import annotations

import random
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalogs import AGENCY, Sample, fetched, key_of, read_document, url_of

from archive.catalog_facts import read_facts
from archive.catalog_walks import LOCAL
from archive.model import Listing
from govcrawl.verdicts import judge

if TYPE_CHECKING:
    from govcrawl.verdicts import Verdict

FIRST = datetime(2024, 9, 12, 1, 0, tzinfo=UTC)
HOLIDAYS = {date(2024, 9, day) for day in (15, 16, 17)} | {date(2024, 10, day) for day in range(1, 8)}
HEAD = 20  # lines of a first page
PACE = {
    "公示公告": (140, 0.9),
    "政策文件": (45, 0.12),
}  # documents at first; chance of one more on a working day, thrice tried
TEXT = "各区司法局应当按照通知要求做好有关工作，按时报送情况，确保落实到位。"


class Month:
    """The agency and its archive."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a made-up month
        self.sample = Sample.make(folder)
        self.sample.now = FIRST
        self.sample.catalog.file.execute("PRAGMA synchronous = OFF")  # a month need not survive a power cut
        self.lists: dict[str, list[tuple[str, date]]] = {name: [] for name in PACE}
        self.count = 0
        self.quiet = False
        for channel, (documents, chance) in PACE.items():
            day = FIRST.date()
            days: list[date] = []
            while len(days) < documents:
                day -= timedelta(days=1)
                days += [day] * self._published(day, chance)
            for one in sorted(days[:documents]):
                self._publish(channel, one)

    def _published(self, day: date, chance: float) -> int:
        if day.weekday() >= 5 or day in HOLIDAYS:
            return 0
        return sum(self.random.random() < chance / 3 for _ in range(3))

    def _publish(self, channel: str, day: date) -> None:
        self.count += 1
        self.lists[channel].insert(0, (f"n{self.count}", day))

    def run(self, days: int = 30) -> list[Verdict]:
        """Crawl every day; returns the verdicts."""
        return [self._crawl(number) for number in range(days)]

    def skip(self, number: int) -> Verdict:
        """Crawl on a later day, on which and before which nothing was published."""
        self.quiet = True
        return self._crawl(number)

    def _crawl(self, number: int) -> Verdict:
        sample = self.sample
        if number:
            sample.begin()
            sample.now = FIRST + timedelta(days=number)
        if number and not self.quiet:
            today = sample.now.date()
            for channel, (_, chance) in PACE.items():
                for _ in range(self._published(today, chance)):
                    self._publish(channel, today)
                if self.random.random() < 0.03:  # dated back
                    self._publish(channel, today - timedelta(days=20))
        whole = number % 7 == 0
        for channel, lines in self.lists.items():
            self._walk(channel, lines if whole else lines[:HEAD], total=len(lines), whole=whole)
        known = sample.catalog.known_documents(AGENCY.name)
        if known and self.random.random() < 0.15:
            gone = self.random.choice(known)
            sample.catalog.put_absence(
                sample.crawl_id, gone.document_id, None, "404", sample.now, min_failures=3, min_days=14
            )
        for one in self.random.sample(known, min(len(known), 2)):
            if self.random.random() < 0.3:  # edited
                self._put(one.url.rpartition("/")[2].removesuffix(".htm"), sample.now.date(), edited=True)
        facts = read_facts(sample.catalog, sample.crawl_id)
        local = sample.now.astimezone(LOCAL).date().isoformat()
        verdict = judge(facts, declared=set(PACE), fatal=None, today=local)
        sample.catalog.put_verdict(sample.crawl_id, AGENCY.name, verdict.level, verdict.findings, sample.now)
        sample.finish()
        return verdict

    def _walk(self, channel: str, lines: list[tuple[str, date]], *, total: int, whole: bool) -> None:
        sample = self.sample
        page = sample.capture(f"http://sfj.sample.test/{channel}/", kind="list", channel=channel)
        listed = [
            Listing(
                url=url_of(name), url_key=key_of(url_of(name)), key=None, title=f"关于{name}的公示",
                publish_date=day.isoformat(), date_text=day.isoformat(), position=position,
            )
            for position, (name, day) in enumerate(lines)
        ]  # fmt: skip
        known = sample.catalog.put_listings(sample.crawl_id, AGENCY.name, channel, listed, page.id, sample.now)
        for one, (name, day) in zip(known, lines, strict=True):
            if one.document_id is None:
                self._put(name, day)
        sample.catalog.finish_channel(
            sample.crawl_id, AGENCY.name, channel, complete=whole, pages=1, total=total, at=sample.now,
            ending="end" if whole else "known",
        )  # fmt: skip

    def _put(self, name: str, day: date, *, edited: bool = False) -> None:
        chance = self.random.random
        files = [
            fetched(f"http://sfj.sample.test/f/{name}-{n}.pdf", None if chance() < 0.04 else f"{name}{n}")
            for n in range(self.random.choice([0, 0, 1, 2]))
        ]
        text = TEXT * self.random.randint(1, 12) if chance() > 0.03 else "见附件。"
        fields: dict[str, Any] = {
            "publish_date": day.isoformat(),
            "publish_date_source": "label",
            "source": None if chance() < 0.04 else "样例市司法局",
            "document_number": "样司〔2024〕1号" if chance() < 0.3 else None,
            "origins": {"title": "heading", "publish_date": "label", "source": "label"},
            "text": f"{'更正：' if edited else ''}{name}{text}",
        }
        self.sample.put(read_document(name, **fields), attachments=files)


def main() -> int:
    """Run many months; exit code 1 where a verdict was not ok."""
    months = int(sys.argv[1]) if sys.argv[1:] else 20
    wrong = 0
    for seed in range(months):
        with tempfile.TemporaryDirectory() as folder:
            month = Month(Path(folder), seed)
            for day, verdict in enumerate(month.run()):
                if verdict.level != "ok":
                    wrong += 1
                    sys.stdout.write(f"seed {seed} day {day}: {verdict}\n")
            month.sample.catalog.close()
    sys.stdout.write(f"{months} months of 30 crawls: {wrong} verdicts that were not ok\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
