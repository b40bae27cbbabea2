"""An interrupted crawl goes on where it was: ``python3 run.py python tests/crash.py --frontier [--kills 1000] [--seed N]``.

Real crawls of a small site are killed (kill -9) at random steps and instants, and the same command is given again until
one comes to its end. Then nothing may be lost, what the server was asked for twice is bounded by what was under way at each
kill, it is one crawl, and the archive is sound.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crash import Broken, Trial, exported, hear_out
from small_site import HOST, SmallSite, declare, document, listing, paragraphs

from archive.catalog import Catalog
from archive.errors import ArchiveError
from archive.verify import Counts, silent, verify_paths

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

NOTICES, POLICIES, SEARCH = "/zwgk/gsgg/", "/zwgk/zcwj/", "/fjdzapp/search"
AT_ONCE = 4  # requests under way
SETTINGS = ("-s", f"CONCURRENT_REQUESTS={AT_ONCE}", "-s", f"CONCURRENT_REQUESTS_PER_DOMAIN={AT_ONCE}")
CHAIN = 12  # kills in a row before a crawl may come to its end


def make_site(documents: int = 30) -> SmallSite:
    """Return a site with two channels: one in two pages, one that shares documents with it; files, one of them in many."""
    numbers = range(1, documents + 1)
    rows = [(f"./202403/t20240305_{n}.htm", f"小城市司法局关于第{n}项工作的通知", "2024-03-05") for n in numbers]
    shared = [(f"../gsgg/{href[2:]}", title, day) for href, title, day in rows[::5]]
    own = [(f"./t20240306_{n}.htm", f"小城市司法局第{n}号政策", "2024-03-06") for n in range(100, 105)]
    data = [
        {"docid": n, "doctitle": rows[n - 1][1], "docpuburl": f"http://{HOST}{NOTICES}{rows[n - 1][0][2:]}", "docreltime": "2024-03-05"}
        for n in numbers[10:20]
    ]  # fmt: skip
    answer = {"count": 20, "page": 2, "prepage": 10, "pageCount": 2, "data": data}
    site = SmallSite(
        {
            "/robots.txt": (200, {"Content-Type": "text/plain"}, b""),
            NOTICES: listing(rows[:10], total=20),
            SEARCH: (200, {"Content-Type": "application/json"}, json.dumps(answer).encode()),
            POLICIES: listing([*shared[:4], *own]),
            "/files/P0.xls": (200, {}, b"\xd0\xcf\x11\xe0" + b"0" * 4000),
        }
    )
    for number, (href, title, _) in [*enumerate(rows[:20], 1), *enumerate(own, 100)]:
        links = '<li><a href="/files/P0.xls">共用表.xls</a></li>'
        if number % 3 == 0:
            links += f'<li><a href="/files/P{number}.xls">表.xls</a></li>'
            site.routes[f"/files/P{number}.xls"] = (200, {}, b"\xd0\xcf\x11\xe0" + b"%d" % number * 3000)
        files = f'<div class="article_attachment"><ul>{links}</ul></div>' if number % 2 else ""
        path = f"{POLICIES if number >= 100 else NOTICES}{href[2:]}"
        site.routes[path] = document(title, paragraphs(f"第{number}号", 4), files=files, ident=number)
    site.routes[f"{NOTICES}202403/t20240305_7.htm"] = (
        404,
        {"Content-Type": "text/html"},
        b"<html>404 Not Found</html>",
    )
    return site


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A crawl to which nothing happened."""

    steps: int
    seconds: float
    requests: int
    rows: list[Any]


class FrontierHarness:
    """Kills crawls and gives the same command again."""

    def __init__(self, folder: Path, site: SmallSite, chance: random.Random) -> None:
        self.folder = folder
        self.site = site
        self.chance = chance
        self.tally: Counter[str] = Counter()
        self.worst = 0  # requests repeated after one kill
        self._owed = 0  # requests that were under way at the kills of a chain and were not asked for again yet
        self.clean = self._crawl_undisturbed()

    def _trial(self, name: str) -> Trial:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        declare(folder, {"公告公示": NOTICES, "政策文件": POLICIES})
        self.site.asked.clear()
        return Trial(folder, self.site, tally=self.tally)

    def _crawl_undisturbed(self) -> Undisturbed:
        trial = self._trial("clean")
        began = time.monotonic()
        code, said = trial.crawl(*SETTINGS, CRASH_COUNT=str(trial.folder / "steps"))
        if code:
            raise Broken(f"a crawl without any fault failed: {said}")
        seconds, requests = time.monotonic() - began, self._requests()
        if twice := [target for target, times in Counter(requests).items() if times > 1]:
            raise Broken(f"a crawl without any fault asked twice for {twice}")
        self._check_sound(trial)
        return Undisturbed(int((trial.folder / "steps").read_text("ascii")), seconds, len(requests), told(trial.data))

    def _requests(self) -> list[str]:
        """What the site was asked for but robots.txt, which every process has to read."""
        return [target for target in self.site.targets() if target != "/robots.txt"]

    def kill(self, kills: int) -> None:
        """Kill crawls so many times; after every few let one come to its end and see that nothing is missing.

        Raises:
            Broken: something is.
        """
        done = chain = 0
        while done < kills:
            chain += 1
            trial = self._trial(f"chain-{chain}")
            asked: set[str] = set()
            killed = True
            for _ in range(min(CHAIN, kills - done)):
                killed = self._sitting(trial, asked)
                done += killed
                if not killed or self._is_finished(trial):  # it came to its end before that
                    break
            if killed and not self._is_finished(trial):
                self._complete(trial, asked)
                killed = False
            self._compare(trial)
            if killed:  # after its last word, but before its files were closed: the next crawl closes them
                self.tally["kills after the end was put"] += 1
                trial.crawl(*SETTINGS)
            self._check_sound(trial, crawls=2 if killed else 1)
            self.tally["crawls completed after kills"] += 1
            shutil.rmtree(trial.folder)
            if chain % 10 == 0:
                sys.stderr.write(f"{done} kills; {dict(self.tally)}; at most {self.worst} repeated\n")

    def _sitting(self, trial: Trial, asked: set[str]) -> bool:
        """Run the command until it is killed; returns whether it was."""
        if self.chance.random() < 1 / 4:
            killed = self._kill_at_instant(trial.start(*SETTINGS))
        else:
            at, how = self.chance.randint(5, self.clean.steps // 3), self.chance.choice(["before", "after", "half"])
            code, said = trial.crawl(*SETTINGS, CRASH_AT=str(at), CRASH_HOW=how)
            killed = code == -signal.SIGKILL
            if code and not killed:
                raise Broken(f"killed at step {at}, but it ended with {code}: {said}")
        self._count(asked)
        self.tally["kills"] += killed
        return killed

    def _kill_at_instant(self, process: subprocess.Popen[bytes]) -> bool:
        before = len(self.site.asked)
        deadline = time.monotonic() + 60
        while len(self.site.asked) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)  # the program is being loaded
        with suppress(TimeoutError):
            time.sleep(self.chance.uniform(0, self.clean.seconds / 3))
        process.kill()
        process.wait()
        hear_out(process)
        return process.returncode == -signal.SIGKILL

    def _count(self, asked: set[str]) -> None:
        """Compare what was asked for since the last kill with what was asked for before.

        What was under way at one kill may be asked for again only after the next one, so a chain of kills is counted together.
        """
        requests = self._requests()
        repeated = len(requests) - len(set(requests) - asked)
        self.site.asked.clear()
        if asked:
            self.worst = max(self.worst, repeated)
            self.tally["requests repeated"] += repeated
            self._owed += AT_ONCE - repeated
            if self._owed < 0:
                raise Broken(
                    f"{repeated} requests were made again, {-self._owed} more than were under way at the kills so far"
                )
        else:
            self._owed = 0  # the first sitting of a chain
        asked.update(requests)

    def _complete(self, trial: Trial, asked: set[str]) -> None:
        code, said = trial.crawl(*SETTINGS)
        if code:
            raise Broken(f"the crawl after the kills failed: {said}")
        self._count(asked)

    def _compare(self, trial: Trial) -> None:
        """See that a crawl that has come to its end has what an undisturbed one has."""
        if (found := told(trial.data)) != self.clean.rows:
            raise Broken(
                f"{trial.data}: the catalog differs from that of an undisturbed crawl: {differing(self.clean.rows, found)}"
            )

    def _is_finished(self, trial: Trial) -> bool:
        if not (trial.data / "catalog.db").exists():
            return False
        with suppress(ArchiveError), closing(Catalog.open_read_only(trial.data / "catalog.db")) as catalog:
            return bool(catalog.file.rows("SELECT 1 FROM crawls WHERE outcome = 'finished'"))
        return False

    def _check_sound(self, trial: Trial, crawls: int = 1) -> None:
        with closing(Catalog.open_read_only(trial.data / "catalog.db")) as catalog:
            left = catalog.file.rows("SELECT * FROM frontier")
            made = catalog.file.rows("SELECT DISTINCT crawl_id FROM captures")
            sittings = len(list(trial.data.glob("warc/*/*.warc.gz")))
        if left or len(made) != crawls:
            raise Broken(f"{len(left)} rows of the frontier are left; {len(made)} crawls made captures, not {crawls}")
        self.tally["sittings verified"] += sittings
        findings = verify_paths([trial.data], deep=False, counts=Counts(), progress=silent)
        if wrong := [finding for finding in findings if finding.severity != "note"]:
            raise Broken(f"verify found {wrong}")


def told(data: Path) -> list[Any]:
    """Return what a catalog says of documents, addresses and lists, without numbers and times."""
    with closing(Catalog.open_read_only(data / "catalog.db")) as catalog:
        queries = (
            "SELECT url, url_key, document_id FROM aliases ORDER BY 2",
            "SELECT channel, url, title, position, document_id, first_crawl_id = last_crawl_id AS once FROM listings ORDER BY 1, 2",
            "SELECT name, pages, total, walked_to_end_at IS NOT NULL AS walked FROM channels ORDER BY 1",
            "SELECT document_id, state, reason FROM states ORDER BY 1, id",
            "SELECT DISTINCT url, kind, reason FROM failures ORDER BY 1",
            # one that was killed before its frontier was there had asked for nothing, and another one began
            "SELECT outcome, reason FROM crawls WHERE id IN (SELECT crawl_id FROM captures)",
        )
        rows = [[tuple(row.values()) for row in catalog.file.rows(query)] for query in queries]
    return [exported(data), *rows]


def differing(expected: Sequence[Any], found: Sequence[Any]) -> str:
    """Say where two answers of :func:`told` differ."""
    for one, other in zip(expected, found, strict=True):
        if one != other:
            return f"lacks {[row for row in one if row not in other]}, has {[row for row in other if row not in one]}"
    return "nowhere"


def main(kills: int, seed: int) -> int:
    """Try and report; return the exit code."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="frontier-") as folder, make_site() as site:
        harness = FrontierHarness(Path(folder), site, random.Random(seed))  # noqa: S311 - to be repeated
        clean = harness.clean
        sys.stderr.write(f"undisturbed: {clean.requests} requests, {clean.steps} steps, {clean.seconds:.1f} s\n")
        broken = None
        try:
            harness.kill(kills)
        except Broken as error:
            broken = error
    sys.stdout.write("".join(f"{number:7d}  {what}\n" for what, number in sorted(harness.tally.items())))
    sys.stdout.write(f"{harness.worst:7d}  requests repeated after one kill at most; {AT_ONCE} were under way\n")
    sys.stdout.write(f"{f'broken: {broken}' if broken else 'nothing was lost'}; {time.monotonic() - began:.0f} s\n")
    return 1 if broken else 0
