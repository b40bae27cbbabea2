"""The frontier in the catalog (待抓队列): what a crawl still has to do, and what became of what it has done.

A row is put in the transaction of the list page that wants it and ended in the transaction of what became of it, so that
a crawl that dies goes on where its catalog stands. Which rows are under way is known to the crawl's process alone, which
holds the agency's lock: a lease ends with its process and need not be written.

Rows stay until the crawl has ended: they tell that a document was looked at already, however many lists name it.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from archive.rows import capture_of, instant, json_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from archive.database import CatalogFile
    from archive.model import Capture
    from archive.rows import Row

End = Literal["done", "absent", "failed"]

FIRST, LATER = 0, 1
"""Priorities: what lists name goes before what is asked for after the last list."""

OWED = ("edited", "moved", "gone", "unread", "missing_file")
"""Reasons to look at a known document that no later list would give again: they outlive the crawl that had them."""

PATIENCE_CRAWLS = 3
"""In so many crawls what fails is asked for by incremental ones; then a full crawl has to."""

_LATER_LOOK = (
    "INSERT OR IGNORE INTO frontier (crawl_id, agency, kind, state, priority, url, url_key, key, why, document_id, job)"
    " SELECT DISTINCT ?1, ?2, 'document', 'pending', ?3, d.url, d.url_key, d.key, ?4, d.id, '{}'"
)
_NOT_LOOKED_AT = (
    "d.agency = ?2 AND d.last_crawl_id IS NOT ?1"
    " AND NOT EXISTS (SELECT 1 FROM frontier AS f WHERE f.crawl_id = ?1 AND f.document_id = d.id)"
)
_NOT_LOOKED_AT_ITS_ADDRESS = (  # one met at another address may have moved there, or stand at both
    "d.agency = ?2 AND NOT EXISTS (SELECT 1 FROM frontier AS f WHERE f.crawl_id = ?1 AND f.document_id = d.id"
    " AND COALESCE(f.answered_url, d.url) = d.url AND f.reason IS NOT 'copy')"
)
_UNREAD = (  # robots.txt and other hosts: another try does not mend that
    "FROM documents AS d JOIN failures AS x ON x.agency = d.agency AND x.url = d.url AND x.kind = 'document'"
    " AND x.at > d.last_checked_at AND x.reason NOT IN ('robots', 'off_site')"
    f" WHERE {_NOT_LOOKED_AT} AND d.state IN ('live', 'unlisted') GROUP BY d.id HAVING COUNT(DISTINCT x.crawl_id) < ?5"
)
_MISSING_FILES = (
    "FROM files AS x JOIN versions AS v ON v.id = x.version_id"  # noqa: S608 - put together from constants
    " JOIN documents AS d ON d.id = v.document_id AND d.current_version_id = v.id"
    " WHERE x.sha256 IS NULL AND x.error NOT LIKE 'robots:%' AND x.error NOT LIKE 'off_site:%'"
    f" AND {_NOT_LOOKED_AT} AND d.state IN ('live', 'unlisted')"
    " AND (SELECT COUNT(DISTINCT m.crawl_id) FROM failures AS m WHERE m.agency = d.agency AND m.url = x.url) < ?5"
)


class FrontierRows:
    """The rows of the table; every method runs inside a transaction of its caller, or is one statement."""

    def __init__(self, file: CatalogFile) -> None:
        """Take the catalog's file."""
        self._file = file

    # What is wanted

    def put_list(self, crawl_id: str, agency: str, channel: str, url: str, job: Mapping[str, Any]) -> int:
        """Put a channel whose list is to be walked; returns its row's number."""
        return self._insert(
            crawl_id,
            agency,
            {"kind": "list", "url": url, "url_key": channel, "channel": channel, "why": "seed", "job": json_text(job)},
        )

    def put_document(  # noqa: PLR0913 - one row, its columns
        self,
        crawl_id: str,
        agency: str,
        *,
        url: str,
        url_key: str,
        why: str,
        key: str | None = None,
        channel: str | None = None,
        via: str | None = None,
        document_id: str | None = None,
        job: Mapping[str, Any],
        priority: int = FIRST,
    ) -> int:
        """Put a document that is to be looked at; :meth:`find` found none. Returns its row's number."""
        values = {"kind": "document", "url": url, "url_key": url_key, "key": key, "channel": channel, "via": via}
        more = {"why": why, "document_id": document_id, "priority": priority, "job": json_text(job)}
        return self._insert(crawl_id, agency, {**values, **more})

    def put_alias(self, row: Row, url: str, url_key: str) -> bool:
        """Put another address of a document that has a row here; ``False`` where it is there already."""
        return bool(
            self._file.execute(
                "INSERT OR IGNORE INTO frontier (crawl_id, agency, kind, state, priority, url, url_key, why, of_id, job)"
                " VALUES (?, ?, 'alias', 'done', ?, ?, ?, ?, ?, '{}')",
                (row["crawl_id"], row["agency"], FIRST, url, url_key, row["why"], row["id"]),
            ).rowcount
        )

    def _insert(self, crawl_id: str, agency: str, values: Mapping[str, Any]) -> int:
        usual = {"crawl_id": crawl_id, "agency": agency, "state": "pending", "priority": FIRST}
        return self._file.insert("frontier", {**usual, **values})

    def find(self, crawl_id: str, url_key: str, key: str | None, document_id: str | None) -> Row | None:
        """The row of a document by one of its addresses, else by the CMS's key on its host, else by its id."""
        row = self._file.row(
            "SELECT * FROM frontier WHERE crawl_id = ? AND kind IN ('document', 'alias') AND url_key = ?",
            (crawl_id, url_key),
        )
        if row is not None and row["of_id"] is not None:
            row = self.row(row["of_id"])
        if row is None and key is not None:
            row = self._file.row("SELECT * FROM frontier WHERE crawl_id = ? AND key = ? LIMIT 1", (crawl_id, key))
        if row is None and document_id is not None:
            row = self._file.row(
                "SELECT * FROM frontier WHERE crawl_id = ? AND document_id = ? LIMIT 1", (crawl_id, document_id)
            )
        return row

    def row(self, row_id: int) -> Row | None:
        """One row."""
        return self._file.row("SELECT * FROM frontier WHERE id = ?", (row_id,))

    def count_documents(self, crawl_id: str) -> int:
        """How many documents lists have asked for in this crawl."""
        row = self._file.row("SELECT COUNT(*) AS n FROM frontier WHERE crawl_id = ? AND kind = 'document'", (crawl_id,))
        return int(row["n"]) if row else 0

    # What is to be done

    def lists(self, crawl_id: str) -> list[Row]:
        """Rows of a crawl's lists, those that ended too, in their order."""
        return self._file.rows("SELECT * FROM frontier WHERE crawl_id = ? AND kind = 'list' ORDER BY id", (crawl_id,))

    def pending(self, crawl_id: str, under_way: Collection[int], limit: int) -> list[Row]:
        """The next documents to be looked at, without those that are."""
        marks = ", ".join("?" * len(under_way))
        return self._file.rows(
            "SELECT * FROM frontier WHERE crawl_id = ? AND state = 'pending' AND kind = 'document'"  # noqa: S608 - marks only
            f" AND id NOT IN ({marks}) ORDER BY priority, id LIMIT ?",
            (crawl_id, *under_way, limit),
        )

    def aliases(self, row_id: int) -> list[tuple[str, str]]:
        """(url, url_key) of the other addresses of a document that lists have named so far."""
        rows = self._file.rows("SELECT url, url_key FROM frontier WHERE of_id = ? ORDER BY id", (row_id,))
        return [(row["url"], row["url_key"]) for row in rows]

    # What became of it

    def change(self, row_id: int, *, job: Mapping[str, Any], url: str | None = None) -> None:
        """Say how far a list was walked, or where else a document is to be looked for."""
        values: dict[str, Any] = {"job": json_text(job)}
        self._file.update("frontier", {"id": row_id}, values if url is None else {**values, "url": url})

    def end(
        self,
        row_id: int,
        state: End,
        *,
        document_id: str | None = None,
        answered_url: str | None = None,
        capture_id: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Say what became of a row; of what is not given the row keeps what it had."""
        given = {"document_id": document_id, "answered_url": answered_url, "capture_id": capture_id, "reason": reason}
        values = {name: value for name, value in given.items() if value is not None}
        self._file.update("frontier", {"id": row_id}, {"state": state, **values})

    def answered_url(self, crawl_id: str, document_id: str) -> str | None:
        """The address at which a document answered in this crawl, whichever list led there."""
        row = self._file.row(
            "SELECT answered_url FROM frontier WHERE crawl_id = ? AND document_id = ? AND answered_url IS NOT NULL",
            (crawl_id, document_id),
        )
        return row["answered_url"] if row else None

    def absences(self, crawl_id: str) -> list[Row]:
        """Rows of known documents that were not there at this look, and did not answer at another address either."""
        return self._file.rows(
            "SELECT * FROM frontier AS f WHERE crawl_id = ?1 AND state = 'absent' AND kind = 'document' AND NOT EXISTS"
            " (SELECT 1 FROM frontier AS o WHERE o.crawl_id = ?1 AND o.document_id = f.document_id"
            " AND o.answered_url IS NOT NULL) ORDER BY id",
            (crawl_id,),
        )

    def unsaid_aliases(self, crawl_id: str) -> list[Row]:
        """Addresses (url, url_key, document_id) that lists named while, or after, their document was being put."""
        return self._file.rows(
            "SELECT a.url, a.url_key, d.document_id FROM frontier AS a JOIN frontier AS d ON d.id = a.of_id"
            " WHERE a.crawl_id = ? AND a.kind = 'alias' AND d.document_id IS NOT NULL AND d.state = 'done'"
            " AND NOT EXISTS (SELECT 1 FROM documents AS k WHERE k.agency = a.agency AND k.url_key = a.url_key)"
            " AND NOT EXISTS (SELECT 1 FROM aliases AS k WHERE k.agency = a.agency AND k.url_key = a.url_key)"
            " ORDER BY a.id",
            (crawl_id,),
        )

    # What the crawl has already

    def answer(
        self, crawl_id: str, agency: str, url: str, method: str, request_digest: str | None, *, after_id: int = 0
    ) -> Capture | None:
        """The crawl's own latest whole answer at an address that another try would not change; ``None`` without one.

        200, 304 for what is known, 4xx but for those that say to try again.

        ``after_id``: of captures with a greater number only.
        """
        row = self._file.row(
            "SELECT * FROM captures WHERE agency = ? AND url = ? AND crawl_id = ? AND method = ? AND request_digest IS ?"
            " AND id > ? AND (status = 200 AND (truncated IS NULL OR revisit_profile IS NOT NULL)"
            " OR status = 304 AND revisit_profile = 'server-not-modified' OR status BETWEEN 400 AND 499"
            " AND status NOT IN (408, 429) AND truncated IS NULL) ORDER BY id DESC LIMIT 1",
            (agency, url, crawl_id, method, request_digest, after_id),
        )
        return None if row is None else capture_of(row)

    def failed_file(self, crawl_id: str, agency: str, url: str) -> Row | None:
        """The last failure of this crawl at a file's address, so that a file is asked for once in a crawl."""
        return self._file.row(
            "SELECT * FROM failures WHERE agency = ? AND url = ? AND crawl_id = ? AND kind IN ('attachment', 'image')"
            " ORDER BY id DESC LIMIT 1",
            (agency, url, crawl_id),
        )

    # After the last list

    def want_known(self, crawl_id: str, agency: str, why: str) -> int:
        """Want a look at every known document that this crawl has not looked at; returns how many."""
        sql = (
            f"{_LATER_LOOK} FROM documents AS d WHERE {_NOT_LOOKED_AT_ITS_ADDRESS} AND (d.key IS NULL OR NOT EXISTS"  # noqa: S608 - constants
            " (SELECT 1 FROM frontier AS f WHERE f.crawl_id = ?1 AND f.key = d.key)) ORDER BY d.id"
        )
        return self._file.execute(sql, (crawl_id, agency, LATER, why)).rowcount

    def want_missed(self, crawl_id: str, agency: str) -> int:
        """Want what earlier crawls asked for and did not get: a known document's page, a file; returns how many.

        Not what robots.txt refuses, and not what failed in :data:`PATIENCE_CRAWLS` crawls already.
        """
        return sum(
            self._file.execute(f"{_LATER_LOOK} {looked_for}", (crawl_id, agency, LATER, why, PATIENCE_CRAWLS)).rowcount
            for why, looked_for in (("unread", _UNREAD), ("missing_file", _MISSING_FILES))
        )

    def want_looks(self, crawl_id: str, agency: str, looks: Iterable[tuple[str, str]]) -> int:
        """Want a look at known documents (id, why) that this crawl has not looked at; returns how many."""
        sql = f"{_LATER_LOOK} FROM documents AS d WHERE d.id = ?5 AND {_NOT_LOOKED_AT}"
        return sum(
            self._file.execute(sql, (crawl_id, agency, LATER, why, document_id)).rowcount for document_id, why in looks
        )

    def has_looks(self, crawl_id: str, reasons: Collection[str]) -> bool:
        """Whether the crawl has rows for such reasons."""
        marks = ", ".join("?" * len(reasons))
        sql = f"SELECT 1 FROM frontier WHERE crawl_id = ? AND kind = 'document' AND why IN ({marks}) LIMIT 1"  # noqa: S608 - marks only
        return self._file.row(sql, (crawl_id, *reasons)) is not None

    # Beginning and end

    def begin(
        self, crawl_id: str, agency: str, lists: Sequence[tuple[str, str, Mapping[str, Any]]], *, adopt: bool
    ) -> None:
        """Begin a crawl's frontier with its lists (channel, url, job); what earlier crawls left is dropped.

        With ``adopt`` looks at documents that they still owed (:data:`OWED`) are this crawl's.
        """
        for channel, url, job in lists:
            self.put_list(crawl_id, agency, channel, url, job)
        if adopt:
            marks = ", ".join("?" * len(OWED))
            self._file.execute(
                "UPDATE OR IGNORE frontier SET crawl_id = ?, priority = ? WHERE agency = ? AND crawl_id <> ?"  # noqa: S608 - marks only
                f" AND kind = 'document' AND state = 'pending' AND document_id IS NOT NULL AND why IN ({marks})",
                (crawl_id, LATER, agency, crawl_id, *OWED),
            )
            self._file.execute("DELETE FROM frontier WHERE agency = ? AND crawl_id <> ?", (agency, crawl_id))

    def clear(self, crawl_id: str) -> None:
        """Drop a crawl's rows."""
        self._file.execute("DELETE FROM frontier WHERE crawl_id = ?", (crawl_id,))

    def resumable(self, agency: str, mode: str, options: Mapping[str, Any], since: datetime) -> Row | None:
        """The row of the agency's latest crawl, where it was interrupted and these arguments would go on with it.

        Args:
            agency: whose.
            mode: as given now.
            options: as given now.
            since: it made its last capture (or began) at or after this instant.
        """
        row = self._file.row(
            "SELECT * FROM crawls WHERE agency = ? ORDER BY started_at DESC, id DESC LIMIT 1", (agency,)
        )
        if row is None or row["outcome"] not in {"running", "interrupted"}:
            return None
        if row["mode"] != mode or json.loads(row["options"]) != dict(options) or not self.lists(row["id"]):
            return None
        last = self._file.row("SELECT MAX(captured_at) AS at FROM captures WHERE crawl_id = ?", (row["id"],))
        return row if max(row["started_at"], (last and last["at"]) or "") >= instant(since) else None

    def may_go_on(self, crawl_id: str) -> bool:
        """Whether there is such a crawl and it was interrupted, or its process died."""
        sql = "SELECT 1 FROM crawls WHERE id = ? AND outcome IN ('running', 'interrupted')"
        return self._file.row(sql, (crawl_id,)) is not None

    def recount(self, crawl_id: str) -> Counter[str]:
        """What a crawl's rows tell of what it has done so far, by the names a crawl counts with."""
        counts: Counter[str] = Counter()
        for row in self._file.rows(
            "SELECT kind, COUNT(*) AS n, SUM(payload_bytes) AS bytes FROM captures WHERE crawl_id = ? GROUP BY kind",
            (crawl_id,),
        ):
            name = {"list": "lists", "attachment": "files", "image": "files"}.get(row["kind"])
            counts["requests"] += row["n"]
            counts["bytes"] += row["bytes"] or 0
            if name:
                counts[name] += row["n"]
        for row in self._file.rows(
            "SELECT reason, COUNT(*) AS n FROM failures WHERE crawl_id = ? GROUP BY reason", (crawl_id,)
        ):
            counts["failed"] += row["n"]
            counts[f"failed/{row['reason']}"] += row["n"]
        for row in self._file.rows(
            "SELECT CASE v.number WHEN 1 THEN 'new' ELSE 'changed' END AS name, COUNT(*) AS n FROM versions AS v"
            " JOIN captures AS c ON c.id = v.capture_id WHERE c.crawl_id = ? GROUP BY 1",
            (crawl_id,),
        ):
            counts[row["name"]] += row["n"]
        for row in self._file.rows(
            "SELECT reason, COUNT(*) AS n, SUM(answered_url IS NOT NULL) AS answered FROM frontier"
            " WHERE crawl_id = ? AND kind = 'document' AND state <> 'pending' GROUP BY reason",
            (crawl_id,),
        ):
            counts["documents"] += row["n"]
            counts["unchanged"] += row["answered"]
            counts["documents/unread"] += row["n"] if row["reason"] == "unread" else 0
        counts["unchanged"] = max(0, counts["unchanged"] - counts["new"] - counts["changed"])
        return counts
