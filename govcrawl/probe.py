"""Which template does this site speak, where are its channels, and is it read rightly: a handful of pages tell.

The start page is fetched, then the links that may be disclosure channels, each read with the families whose marks were found; one
document of the first list is read too. Nothing is guessed: a channel is what was read as a list (or stands in the tree that the
CMS prints), and everything else is reported with the reason why it was left out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from govcrawl.channels import Link, agency_names, column_name, find_jump, find_links, is_channel, place
from govcrawl.errors import BadStatus, BlockedPage, CrawlError
from govcrawl.families import FEWEST_MARKS, Family, rank
from govcrawl.finding import Fetched, Finding, FoundChannel, FoundDocument, LeftOut
from govcrawl.guard import check
from govcrawl.speech import say
from govcrawl.urls import is_file_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archive.model import Capture
    from govcrawl.decode import Page
    from govcrawl.finding import Fetcher
    from govcrawl.items import ListEntry, ListPage

MOST_REQUESTS = 40
"""As many exchanges one look at a site may take; at the default pace that is less than a minute."""

MOST_JUMPS = 3
DEEPEST = 2  # a page that leads to channels may lead to another such page, no further
READERS = 3  # families that are tried on a list
DOCUMENTS = 3  # that are tried before the reading of documents counts as failed
_DEAR = 5  # requests kept back for a list's rows and a document


@dataclass(slots=True)
class _Candidate:
    """A link that was followed."""

    link: Link
    fetched: Fetched | None = None
    rows: dict[str, tuple[ListPage, Fetched]] = field(default_factory=dict)  # by family
    refused: dict[str, str] = field(default_factory=dict)  # family → why its list's endpoint gave nothing
    problem: str | None = None


class Probe:
    """One look at one site.

    Args:
        fetcher: fetches its pages.
        templates: the template classes to choose from.
        most_requests: when to stop.
    """

    def __init__(self, fetcher: Fetcher, templates: Iterable[Any], *, most_requests: int = MOST_REQUESTS) -> None:
        self._fetcher = fetcher
        self._templates = list(templates)
        self._most_requests = most_requests
        self._pages: list[Page] = []
        self._fetched: dict[tuple[str, tuple[tuple[str, str], ...]], Fetched] = {}
        self._candidates: list[_Candidate] = []
        self._documents: list[tuple[ListEntry, Fetched]] = []
        self._unseen: list[Link] = []
        self._printed: dict[str, tuple[int, int]] = {}  # place of a link → which page printed it first, and where on it

    async def run(self, url: str, channels: Mapping[str, str] | None = None) -> Finding:
        """Look.

        Args:
            url: any page of the site.
            channels: printed name → URL where they are known; then no others are looked for.

        Raises:
            CrawlError: the start page could not be had, is blocked or is none.
        """
        start = await self._open(url)
        if channels:
            for name, address in channels.items():
                await self._try(Link(name, address, entry=False, named=True))
        else:
            await self._discover(start)
        finding = Finding(url=start.page.url)
        for _ in range(2):  # a document's marks may tell another family than the lists did
            self._choose(finding)
            await self._read_frames(finding)
            await self._read_documents(finding)
        finding.agency, finding.agency_source = next(
            (found for page in self._pages for found in agency_names(page)), (None, None)
        )
        finding.unseen = self._unseen
        finding.requests = self._fetcher.requests
        return finding

    # --- fetching ---

    @property
    def _spent(self) -> bool:
        return self._fetcher.requests >= self._most_requests

    async def _fetch(self, url: str, form: Mapping[str, str] | None = None, via: str | None = None) -> Fetched:
        """Fetch a page once; the address keeps its fragment, which servers never see."""
        address, fragment = urldefrag(url)
        name = (address, tuple(sorted((form or {}).items())))
        if name not in self._fetched:
            self._fetched[name] = await self._fetcher.fetch(address, form=form, via=via)
            self._pages.append(self._fetched[name].page)
        fetched = self._fetched[name]
        return _At(fetched, f"{fetched.page.url}#{fragment}") if fragment else fetched

    async def _open(self, url: str) -> Fetched:
        """Fetch the start page; follow what an empty page sends its reader to."""
        fetched = await self._fetch(url)
        for _ in range(MOST_JUMPS):
            if fetched.page.status != 200 or not fetched.page.body.strip():  # noqa: PLR2004 - HTTP's OK
                break
            jump = find_jump(fetched.page)
            if jump is None:
                break
            fetched = await self._fetch(jump, via=fetched.page.url)
        check(fetched.page)
        return fetched

    # --- channels ---

    async def _discover(self, start: Fetched) -> None:
        name = column_name(start.page)
        if name:
            own = Link(name, start.page.url, entry=True, named=False)
            self._candidates.append(candidate := _Candidate(own, start))
            await self._read(candidate)
        queue = deque((link, 1) for link in self._links_of(start.page))
        seen = {place(link.url) for link, _ in queue} | {place(start.page.url)}
        home = f"{urlsplit(start.page.url).scheme}://{urlsplit(start.page.url).netloc}/"
        if not queue and place(home) not in seen:
            queue.append((Link("首页", home, entry=True, named=False), 0))
            seen.add(place(home))
        while queue:
            link, depth = queue.popleft()
            if self._spent or (self._fetcher.requests >= self._most_requests - _DEAR and any(self._with_rows())):
                self._unseen.append(link)
                continue
            candidate = await self._try(link)
            if candidate.fetched is None or candidate.problem or depth >= DEEPEST or not (link.entry or depth == 0):
                continue
            more = [one for one in self._links_of(candidate.fetched.page) if place(one.url) not in seen]
            seen.update(place(one.url) for one in more)
            queue.extend((one, depth + 1) for one in more)

    def _links_of(self, page: Page) -> list[Link]:
        """Return the links to follow; those that lead to channels first, since their pages name the others."""
        try:
            links = find_links(page)
        except CrawlError:  # nothing that can be parsed
            return []
        for position, link in enumerate(links):
            self._printed.setdefault(place(link.url), (len(self._pages), position))
        return sorted(links, key=lambda link: not link.entry)

    async def _try(self, link: Link) -> _Candidate:
        candidate = _Candidate(link)
        self._candidates.append(candidate)
        try:
            candidate.fetched = await self._fetch(link.url)
            check(candidate.fetched.page)
        except CrawlError as error:
            candidate.problem = str(error)
            return candidate
        await self._read(candidate)
        return candidate

    async def _read(self, candidate: _Candidate) -> None:
        """Read a page as a list with the likeliest families."""
        fetched = candidate.fetched
        if fetched is None:
            return
        for family in self._ranked()[:READERS]:
            try:
                listed = family.template.read_list(fetched.page)
            except CrawlError:
                continue
            if listed.entries or listed.next is None:
                candidate.rows[family.name] = (listed, fetched)
            else:
                await self._read_behind(candidate, family, listed)
            if listed.entries:
                return

    async def _read_behind(self, candidate: _Candidate, family: Family, frame: ListPage) -> None:
        """Ask for what a frame's script would ask for."""
        if frame.next is None or self._spent:
            return
        try:
            answer = await self._fetch(frame.next.url, frame.next.form, candidate.link.url)
            check(answer.page)
            candidate.rows[family.name] = (family.template.read_list(answer.page), answer)
        except CrawlError as error:
            candidate.refused[family.name] = str(error)
            if isinstance(error, BadStatus | BlockedPage) and family.template.browser_answer:
                candidate.rows.pop(family.name, None)

    def _ranked(self) -> list[Family]:
        return rank(self._pages, self._templates)

    def _with_rows(self) -> Iterable[_Candidate]:
        return (one for one in self._candidates if any(listed.entries for listed, _ in one.rows.values()))

    # --- the choice ---

    def _choose(self, finding: Finding) -> None:
        """Choose the family that has most marks among those that read a list; else the one with most marks."""
        ranked = self._ranked()
        reading = [family for family in ranked if self._channels_of(family)[0]]
        known = [family for family in ranked if family.score >= FEWEST_MARKS]
        family = next((one for one in reading if one.score >= FEWEST_MARKS), None)
        family = family or next(iter(reading), None) or next(iter(known), None)
        finding.family = family
        finding.others = [other for other in ranked if family is None or other.name != family.name]
        if family is not None:
            finding.channels, finding.left_out = self._channels_of(family)

    def _channels_of(self, family: Family) -> tuple[list[FoundChannel], list[LeftOut]]:
        """Return the channels as one family reads them, and what it does not."""
        tree = self._tree(family)
        channels: list[FoundChannel] = []
        left_out: list[LeftOut] = []
        trunks = {
            place(urldefrag(url).url) for url in tree.values()
        }  # the page of the tree lists all its channels at once
        for candidate in sorted(self._candidates, key=lambda one: self._printed.get(place(one.link.url), (0, 0))):
            link = candidate.link
            if place(link.url) in trunks or urlsplit(link.url).path in {"", "/"}:
                continue
            read = candidate.rows.get(family.name) or self._reread(candidate, family)
            if read is not None and is_channel(link, read[0]):
                channels.append(FoundChannel(link.name, link.url, *read))
            elif family.name in candidate.refused and family.template.browser_answer:
                channels.append(FoundChannel(link.name, link.url, browser=candidate.refused[family.name]))
            elif link.named or link.entry:
                left_out.append(LeftOut(link.name, link.url, candidate.problem or _why_not(candidate, family, read)))
        known = {place(channel.url) for channel in channels}
        channels += [FoundChannel(name, url) for name, url in tree.items() if place(url) not in known]
        return _with_names_of_their_own(channels), [one for one in left_out if place(one.url) not in known]

    async def _read_frames(self, finding: Finding) -> None:
        """Ask for the rows of frames that were seen before their family was known."""
        family = finding.family
        if family is None:
            return
        for candidate in self._candidates:
            fetched = candidate.fetched
            if fetched is None or candidate.problem or family.name in {*candidate.rows, *candidate.refused}:
                continue
            try:
                frame = family.template.read_list(fetched.page)
            except CrawlError:
                continue
            if not frame.entries:
                await self._read_behind(candidate, family, frame)
        self._choose(finding)

    def _tree(self, family: Family) -> dict[str, str]:
        """Return the channel tree that the CMS prints as data."""
        out: dict[str, str] = {}
        for page in self._pages:
            for name, url in family.template.read_channels(page).items():
                out.setdefault(name, url)
        return out

    def _reread(self, candidate: _Candidate, family: Family) -> tuple[ListPage, Fetched] | None:
        """Read a page that was read with other families before this one came up; costs no request."""
        if candidate.fetched is None or candidate.problem:
            return None
        try:
            listed = family.template.read_list(candidate.fetched.page)
        except CrawlError:
            return None
        return None if listed.next is not None and not listed.entries else (listed, candidate.fetched)

    # --- documents ---

    async def _read_documents(self, finding: Finding) -> None:
        """Read documents until one is read well, from those that the lists name."""
        family = finding.family
        if family is None:
            return
        await self._read_tree(finding, family)
        listed = finding.list_case
        if listed is None or listed.listed is None:
            return
        if not self._documents:
            host = urlsplit(listed.url).hostname
            entries = [e for e in listed.listed.entries if urlsplit(e.url).hostname == host and not is_file_url(e.url)]
            for entry in sorted(entries, key=lambda entry: entry.pinned)[:DOCUMENTS]:
                if self._spent and self._documents:
                    break
                try:
                    url = family.template.canonical(entry.url)
                    self._documents.append((entry, await self._fetch(url, via=listed.url)))
                except CrawlError as error:
                    finding.document_problem = str(error)
                    continue
                if self._read_document(finding, family):
                    return
        else:
            self._read_document(finding, family)

    async def _read_tree(self, finding: Finding, family: Family) -> None:
        """Read one list of a tree whose lists nobody looked at yet."""
        if finding.list_case is not None:
            return
        for position, channel in enumerate(finding.channels):
            if channel.listed is not None or channel.browser or self._spent:
                continue
            candidate = await self._try(Link(channel.name, channel.url, entry=False, named=True))
            read = candidate.rows.get(family.name)
            if read is not None:
                finding.channels[position] = replace(channel, listed=read[0], source=read[1])
            if read is not None and read[0].entries:
                return

    def _read_document(self, finding: Finding, family: Family) -> bool:
        from govcrawl.extract import read_page  # noqa: PLC0415 - trafilatura takes half a second to import

        for entry, fetched in self._documents:
            try:
                document = read_page(family.template, fetched.page, entry)
            except CrawlError as error:
                finding.document_problem = f"{type(error).__name__}: {error}"
                continue
            finding.document = FoundDocument(entry, fetched, document)
            finding.document_problem = None
            return True
        return False


@dataclass(frozen=True, slots=True)
class _At:
    """A fetched page under an address with a fragment."""

    fetched: Fetched
    url: str

    @property
    def page(self) -> Page:
        return replace(self.fetched.page, url=self.url)

    @property
    def capture(self) -> Capture:
        return self.fetched.capture


def _why_not(candidate: _Candidate, family: Family, read: tuple[ListPage, Fetched] | None) -> str:
    """Say why a page that came is no channel."""
    if family.name in candidate.refused:
        return candidate.refused[family.name]
    if read is not None:
        rows = len(read[0].entries)
        return say(
            f"只有 {rows} 行其他目录的条目，没有翻页：是导航页",
            f"{rows} rows of other folders and no pager: a landing page",
        )
    if candidate.fetched is None:
        return say("没有取到", "not fetched")
    try:
        family.template.read_list(candidate.fetched.page)
    except CrawlError as error:
        detail = str(error).removeprefix(f"{candidate.fetched.page.url}: ").partition(";")[0]
        return say(f"不是列表（{detail}）", f"no list: {detail}")
    return say("不是列表", "no list")


def _with_names_of_their_own(channels: Sequence[FoundChannel]) -> list[FoundChannel]:
    """Return channels with unique names: of two that print the same one, the second also bears its folder's name."""
    names: set[str] = set()
    out = []
    for channel in channels:
        name = channel.name
        if name in names:
            parts = [part for part in urlsplit(channel.url).path.split("/") if part and not part.startswith("index.")]
            name = f"{name} ({urlsplit(channel.url).fragment or (parts or ['2'])[-1]})"
        number = 2
        while name in names:
            name, number = f"{channel.name} ({number})", number + 1
        names.add(name)
        out.append(channel if name == channel.name else replace(channel, name=name))
    return out
