"""Citations out of the catalog: edges, what they resolve to, the three formats."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET  # what is read was written here

import pytest
from catalogs import AGENCY, Sample, read_document
from click.testing import CliRunner

from archive.errors import CatalogError
from archive.export_citations import CITATION_FIELDS, citations_into, citations_of, export_citations
from govcrawl.citations import read_mentions
from govcrawl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """A notice that cites a number, an order, a law, a known title and an unknown number; two documents share a number."""
    made = Sample.make(tmp_path)
    made.put(
        read_document("办法", title="样例市政务公开办法", document_number="样例市人民政府令第十六号", text="第一条")
    )
    made.put(read_document("意见", title="关于推进公开的意见", document_number="样府办[2019] 14号", text="意见"))
    made.put(read_document("转一", title="转发通知", document_number="样司〔2020〕1号", text="甲"))
    made.put(read_document("转二", title="转发通知(续)", document_number="样司〔2020〕1号", text="乙"))
    made.put(
        read_document(
            "通知",
            title="关于某事的通知",
            document_number="样司〔2024〕9号",
            text="样司〔2024〕9号\n按照《关于推进公开的意见》（样府办〔2019〕14号）、样例市人民政府令第16号和《中华人民共和国行政处罚法》，\n"
            "落实样府办〔2019〕14号，参见样司〔2020〕1号、国办发〔2017〕47号和《转发通知》《样例日报》。",
            tables=((("文件", "文号"), ("清单", "样司〔2020〕1号、闽司〔2021〕2号"), ("清单", "闽司〔2021〕2号")),),
        )
    )
    made.finish()
    yield made
    made.catalog.close()


def ids(sample: Sample) -> dict[str, str]:
    """Document ids by title."""
    rows = sample.catalog.rows(
        "SELECT d.id, v.title FROM documents AS d JOIN versions AS v ON v.id = d.current_version_id"
    )
    return {row["title"]: row["id"] for row in rows}


def edges(sample: Sample, **choice: Any) -> list[dict[str, Any]]:
    """All edges."""
    return list(export_citations(sample.catalog, read_mentions, **choice))


def test_edges(sample: Sample) -> None:
    """Each cited thing is one edge, in the order of the text, resolved by number, order, title, or not at all."""
    known = ids(sample)
    found = [
        (
            edge["kind"],
            edge["normal"],
            edge["cited_document_id"],
            edge["resolved_by"],
            edge["candidates"],
            edge["mentions"],
            edge["place"],
        )
        for edge in edges(sample)
    ]
    assert found == [
        ("document_number", "样府办〔2019〕14号", known["关于推进公开的意见"], "document_number", 1, 2, "text"),
        ("order", "样例市人民政府令第16号", known["样例市政务公开办法"], "document_number", 1, 1, "text"),
        ("law_title", "中华人民共和国行政处罚法", None, None, 0, 1, "text"),
        ("document_number", "样司〔2020〕1号", None, None, 2, 2, "text"),
        ("document_number", "国办发〔2017〕47号", None, None, 0, 1, "text"),
        ("title", "转发通知", known["转发通知"], "title", 1, 1, "text"),
        ("document_number", "闽司〔2021〕2号", None, None, 0, 2, "table 0"),
    ]


def test_edge_says_where(sample: Sample) -> None:
    """An edge has the citing document, its version, the printed form, the title beside it and where it stands."""
    edge = edges(sample)[0]
    assert set(edge) == set(CITATION_FIELDS)
    assert edge["citing_document_id"] == ids(sample)["关于某事的通知"]
    assert (edge["citing_version"], edge["citing_agency"], edge["printed"]) == (1, AGENCY.name, "样府办〔2019〕14号")
    assert edge["title"] == "关于推进公开的意见"
    assert edge["position"] == 25
    assert "按照《关于推进公开的意见》（样府办〔2019〕14号）" in edge["snippet"]


def test_same_number_told_apart_by_title(sample: Sample) -> None:
    """Of several documents with one number the one with the title beside it is meant."""
    sample.begin()
    sample.put(read_document("新", title="新的", text="见《转发通知(续)》（样司〔2020〕1号）"))
    (edge,) = [edge for edge in edges(sample) if edge["citing_document_id"] == ids(sample)["新的"]]
    assert (edge["cited_document_id"], edge["resolved_by"]) == (ids(sample)["转发通知(续)"], "document_number+title")


def test_one_document_both_directions(sample: Sample) -> None:
    """For one document the same edges as the whole export's, out of it and into it, found by the search index."""
    known = ids(sample)
    for title, document_id in known.items():
        whole = [edge for edge in edges(sample) if edge["citing_document_id"] == document_id]
        assert citations_of(sample.catalog, document_id, read_mentions) == whole, title
        into = [edge for edge in edges(sample) if edge["cited_document_id"] == document_id]
        found = citations_into(sample.catalog, document_id, read_mentions, most=50)
        assert sorted(map(repr, found)) == sorted(map(repr, into)), title
    assert citations_of(sample.catalog, "nobody", read_mentions) == []
    assert citations_into(sample.catalog, "nobody", read_mentions, most=50) == []


def test_unknown_agency(sample: Sample) -> None:
    """An agency that is not in the catalog is an error; one that is limits the citing documents."""
    assert len(edges(sample, agency=AGENCY.name)) == 7
    with pytest.raises(CatalogError, match="no agency 'nobody'"):
        edges(sample, agency="nobody")


def run(sample: Sample, form: str, target: Path) -> bytes:
    """Run the command; what it wrote."""
    environment = {"GOVCRAWL_DATA": str(sample.path.parent), "GOVCRAWL_LANG": "en"}
    arguments = ["export", "citations", "--format", form, "--output", str(target)]
    result = CliRunner(env=environment).invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "7 citations written" in result.stderr
    return target.read_bytes()


def test_command_csv_and_jsonl(sample: Sample, tmp_path: Path) -> None:
    """The command writes the same edges as CSV with a byte order mark and as JSON lines."""
    told = csv.DictReader(io.StringIO(run(sample, "csv", tmp_path / "c.csv").decode("utf-8-sig")))
    assert tuple(told.fieldnames or ()) == CITATION_FIELDS
    lines = [json.loads(line) for line in run(sample, "jsonl", tmp_path / "c.jsonl").decode().splitlines()]
    assert lines == edges(sample)
    assert [row["normal"] for row in told] == [line["normal"] for line in lines]


def test_command_graphml(sample: Sample, tmp_path: Path) -> None:
    """GraphML has a node for each document and each unknown thing cited, before the first edge that touches it."""
    root = ET.fromstring(run(sample, "graphml", tmp_path / "c.graphml"))  # noqa: S314 - written by this test
    graph = root.find(f"{GRAPHML}graph")
    assert graph is not None
    seen: dict[str, dict[str, str | None]] = {}
    count = 0
    for element in graph:
        if element.tag == f"{GRAPHML}node":
            seen[element.attrib["id"]] = {data.attrib["key"]: data.text for data in element}
        else:
            count += 1
            assert {element.attrib["source"], element.attrib["target"]} <= set(seen)
    assert count == 7
    assert seen["document_number:国办发〔2017〕47号"] == {
        "node_kind": "document_number",
        "node_label": "国办发〔2017〕47号",
    }
    assert seen[ids(sample)["样例市政务公开办法"]]["node_label"] == "样例市政务公开办法"


def test_edges_are_sorted(sample: Sample) -> None:
    """Edges come by the id of the citing document, whatever the order in which documents were stored."""
    sample.begin()
    for name in ("丁", "丙", "乙", "甲"):
        sample.put(read_document(name, title=f"关于{name}的通知", text="根据样府办〔2019〕14号"))
    citing = [edge["citing_document_id"] for edge in edges(sample)]
    assert len(set(citing)) == 5
    assert citing == sorted(citing)
