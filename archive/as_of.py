"""What was known of a document at an earlier time, from its versions and states: nothing is guessed.

A version counts from the capture that first showed it, a state from the crawl that found it. How the text was read is as of now:
``reextract`` reads stored captures with the present extractor. When a document was looked at last before that time is not
kept by version, so it is left empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archive import catalog_reads as reads

if TYPE_CHECKING:
    from archive.catalog import Catalog
    from archive.rows import Row

_UNKNOWN = ("last_captured_at", "last_checked_at")


def row_as_of(catalog: Catalog, document_id: str, until: str) -> Row | None:
    """Return a document as :func:`archive.catalog_reads.document_row` does, as it was known before an instant.

    None where it was not known yet. ``until`` is UTC as the catalog writes instants, excluded.
    """
    versions = [one for one in reads.versions(catalog, document_id) if one["captured_at"] < until]
    states = [one for one in reads.states(catalog, document_id) if one["at"] < until]
    if not versions or not states:
        return None
    row = reads.document_row(catalog, document_id, versions[-1]["number"])
    if row is None:
        return None
    then = {"state": states[-1]["state"], "state_since_at": states[-1]["at"], "version_count": len(versions)}
    return {**row, **then, **dict.fromkeys(_UNKNOWN)}


def facts_as_of(facts: dict[str, Any], until: str) -> dict[str, Any]:
    """Return facts of a version (:func:`archive.document_facts.read_facts`) without what became known later; pure."""
    versions = [one for one in facts["versions"] if one["captured_at"] < until]
    states = [one for one in facts["states"] if one["at"] < until]
    return {
        **facts,
        **dict.fromkeys(_UNKNOWN),
        "as_of": until,
        "state": states[-1]["state"],
        "state_since_at": states[-1]["at"],
        "states": states,
        "versions": versions,
        "version_count": len(versions),
    }
