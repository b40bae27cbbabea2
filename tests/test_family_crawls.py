"""Crawls of replicas: each family's list is walked by its own dialect, and nothing is found twice."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from family_sites import (
    COUNT,
    FILE_NUMBER,
    HANWEB,
    JPAAS,
    UCAP,
    VSB,
    FamilySite,
    crawl,
    day,
    declare,
    hanweb,
    jpaas,
    pdf,
    title,
    ucap,
    vsb,
)

from archive.catalog import Catalog
from archive.export import export_documents

if TYPE_CHECKING:
    from pathlib import Path

FAMILIES = {
    "hanweb": (hanweb, HANWEB, ("hanweb", "Hanweb"), "/col/col1204/index.html"),
    "jpaas": (jpaas, JPAAS, ("hanweb", "Hanweb"), "/col/col1229/index.html"),
    "ucap": (ucap, UCAP, ("ucap", "Ucap"), "/sft/c1/zfxxgk.shtml"),
    "vsb": (vsb, VSB, ("vsb", "Vsb"), "/zwgk/tzgg.htm"),
}


def rows(folder: Path) -> list[dict[str, Any]]:
    """The exported documents."""
    with Catalog.open_read_only(folder / "data" / "catalog.db") as catalog:
        return list(export_documents(catalog))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_document_of_a_replica_is_found_once(family: str, tmp_path: Path) -> None:
    """All pages of the list are walked, each document has title, date, source and file, and a second full crawl adds no version."""
    answer, host, template, seed = FAMILIES[family]
    declare(tmp_path, template, host, seed)
    with FamilySite(answer) as site:
        done = crawl(tmp_path, site, host)
        assert done.returncode == 0, done.stdout
        found = {doc["title"]: doc for doc in rows(tmp_path)}
        assert set(found) == {title(n) for n in range(1, COUNT + 1)}, done.stdout
        for n in range(1, COUNT + 1):
            doc = found[title(n)]
            assert doc["publish_date"] == day(n)
            assert len(doc["attachments"]) == 1
            if n != FILE_NUMBER:
                assert doc["source"] == "公证科"
                assert doc["text"].startswith(f"第{n}号公告第0段")
                assert doc["extraction"]["flags"] == []
        assert found[title(FILE_NUMBER)]["attachments"][0]["sha256"] == hashlib.sha256(pdf(FILE_NUMBER)).hexdigest()
        again = crawl(tmp_path, site, host, "-a", "mode=full")
        assert again.returncode == 0, again.stdout
        assert "new 0 · changed 0" in again.stdout
        assert {doc["version_count"] for doc in rows(tmp_path)} == {1}
        site.asked.clear()
        short = crawl(tmp_path, site, host)
        assert short.returncode == 0, short.stdout
        assert len(site.asked) <= 3, "an incremental crawl stops where all is known"
