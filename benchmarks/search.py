"""Search: found is what stands there, and how quickly (``python3 run.py python -m benchmarks.search``).

Makes a catalog of invented documents (characters and phrases in the frequencies of official prose, a fixed seed), asks
queries of 1 to 8 characters taken from the texts and at random, and compares each answer with a scan of every folded text
(what ``LIKE '%…%'`` would find). Prints recall, precision, the index's size against the text's, documents indexed a second,
and the time of a query with its first page and snippets, against the scan's.

    python3 run.py python -m benchmarks.search                                     # 30,000 documents
    python3 run.py python -m benchmarks.search --documents 1000000 --characters 60 --truth 0
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_find import found_ids
from archive.catalog_search import put_all
from archive.model import Agency, Channel
from archive.search import search
from archive.search_query import parse_query
from archive.search_text import BOUNDARY, fold

if TYPE_CHECKING:
    from collections.abc import Iterator

PHRASES = tuple(
    """
政务公开 信息公开 行政处罚 行政许可 规范性文件 司法行政 法律援助 人民调解 社区矫正 公共法律服务 法治政府建设 依法行政 行政复议 行政诉讼 执法监督 普法宣传 律师事务所 公证处 司法鉴定
基层法律服务 依申请公开 主动公开 年度报告 征求意见 政策解读 重大行政决策 财政预算 部门决算 三公经费 政府采购 招标公告 中标结果 人事任免 公开招聘 各区人民政府 市直各部门 有关单位 现将
印发给你们 请认真贯彻执行 根据 按照 为了 进一步 加强 规范 推进 完善 落实 组织 实施 工作 方案 办法 规定 通知 公告 公示 意见 决定 报告 情况 说明 要求 如下 第一条 第二条
本办法 自发布之日起施行
""".split()  # noqa: SIM905 - a text reads better as words
)
SINGLES = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严"
LATIN = ("2019", "2023", "2024", "12345", "PDF", "A4", "Office", "www")
AGENCIES = tuple(f"bench_{number:02d}" for number in range(20))


@dataclass(frozen=True, slots=True)
class Made:
    """A catalog of invented documents."""

    folder: Path
    text_bytes: int
    index_bytes: int
    seconds: float


def texts(count: int, characters: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield (title, text) of invented documents; lengths vary, the mean is ``characters``."""
    dice = random.Random(seed)  # noqa: S311 - made-up texts, the same in each run
    for number in range(count):
        wanted = max(10, int(dice.lognormvariate(0, 0.8) * characters * 0.73))
        pieces: list[str] = []
        length = 0
        while length < wanted:
            kind = dice.random()
            if kind < 0.55:  # noqa: PLR2004 - shares of what official prose is made of
                piece = dice.choice(PHRASES)
            elif kind < 0.92:  # noqa: PLR2004
                piece = "".join(dice.choices(SINGLES, k=dice.randint(1, 4)))
            elif kind < 0.97:  # noqa: PLR2004
                piece = dice.choice("，。；、（）《》〔〕：\n")
            else:
                piece = dice.choice(LATIN)
            pieces.append(piece)
            length += len(piece)
        yield f"关于{dice.choice(PHRASES)}的{dice.choice(('通知', '公告', '报告', '意见'))}{number}", "".join(pieces)


def make(folder: Path, count: int, characters: int, seed: int) -> Made:
    """Make the catalog and its index."""
    with Catalog.open(folder / CATALOG_NAME) as catalog:
        for name in AGENCIES:
            channel = Channel(name="公告", seed_url=f"http://{name}.test/")
            catalog.put_agency(
                Agency(name=name, title=name, base_url=f"http://{name}.test/", template="trt", channels=(channel,))
            )
        catalog.file.execute("PRAGMA foreign_keys = OFF")
        catalog.file.execute("PRAGMA synchronous = OFF")
        size = 0
        with catalog.atomic():
            for number, (title, text) in enumerate(texts(count, characters, seed), 1):
                size += len(title.encode()) + len(text.encode())
                _put(catalog, number, title, text)
        before = (folder / CATALOG_NAME).stat().st_size
        began = time.perf_counter()
        put_all(catalog)
        seconds = time.perf_counter() - began
        catalog.file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Made(folder, size, (folder / CATALOG_NAME).stat().st_size - before, seconds)


def _put(catalog: Catalog, number: int, title: str, text: str) -> None:
    """Put a document with one version; captures are not looked at by a search."""
    agency = AGENCIES[number % len(AGENCIES)]
    day = f"{2015 + number % 10}-{1 + number % 12:02d}-{1 + number % 28:02d}"
    at = f"{day}T00:00:00.000000Z"
    name = f"{agency}-{number:012x}"
    url = f"{agency}.test/{number}.htm"
    version = catalog.file.insert(
        "versions",
        {
            "document_id": name, "number": 1, "capture_id": number, "captured_at": at, "version_digest": "sha256:0",
            "title": title, "publish_date": day, "text": text, "tables": "[]", "cites": "[]", "method": "container",
            "extractor_version": "0", "flags": "[]", "changed_fields": "[]",
        },
    )  # fmt: skip
    catalog.file.insert(
        "documents",
        {
            "id": name, "agency": agency, "url": f"http://{url}", "url_key": url, "state": "live", "state_since_at": at,
            "first_captured_at": at, "last_captured_at": at, "last_checked_at": at, "failures": 0,
            "current_version_id": version,
        },
    )  # fmt: skip


def queries(folded: list[str], count: int, seed: int) -> list[str]:
    """Return phrases of 1 to 8 characters, most taken from the texts, some at random."""
    dice = random.Random(seed + 1)  # noqa: S311 - the same in each run
    found: list[str] = []
    while len(found) < count:
        length = 1 + len(found) % 8
        text = dice.choice(folded)
        start = dice.randrange(max(1, len(text) - length))
        phrase = text[start : start + length] if len(found) % 5 else "".join(dice.choices(SINGLES, k=length))
        if BOUNDARY not in phrase and '"' not in phrase and len(phrase) == length:
            found.append(phrase)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Make, ask, compare, print; exit 1 where an answer is not the truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=30_000)
    parser.add_argument("--characters", type=int, default=1_100, help="mean length of a text")
    parser.add_argument("--queries", type=int, default=160)
    parser.add_argument("--truth", type=int, default=160, help="how many answers are compared with a scan")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="govcrawl-search-") as folder:
        made = make(Path(folder), options.documents, options.characters, options.seed)
        print(
            f"{options.documents} documents, {made.text_bytes / 1e6:.1f} MB of text; index {made.index_bytes / made.text_bytes:.2f} x"
            f" the text; {options.documents / made.seconds:.0f} documents indexed/s"
        )
        return ask(made, options.queries, options.truth, options.seed)


def ask(made: Made, count: int, compared: int, seed: int) -> int:
    """Ask, compare and print; returns the exit code."""
    with Catalog.open_read_only(made.folder / CATALOG_NAME) as catalog:
        rows = list(
            catalog.rows(
                "SELECT d.id, v.text, v.title FROM documents AS d JOIN versions AS v ON v.id = d.current_version_id"
            )
        )
        folded = {row["id"]: fold(row["text"]) + BOUNDARY + fold(row["title"]) for row in rows}
        del rows
        asked = queries(list(folded.values()), count, seed)
        spent: dict[int, list[float]] = {}
        scanned: list[float] = []
        missed = extra = true = 0
        for number, phrase in enumerate(asked):
            query = parse_query(f'"{phrase}"')
            began = time.perf_counter()
            search(catalog, query, limit=20)
            spent.setdefault(len(phrase), []).append(time.perf_counter() - began)
            if number < compared:
                began = time.perf_counter()
                truth = {name for name, text in folded.items() if phrase in text}
                scanned.append(time.perf_counter() - began)
                found = set(found_ids(catalog, query))
                true += len(truth)
                missed += len(truth - found)
                extra += len(found - truth)
    print("characters  queries   p50 ms   p95 ms   max ms")
    for length, times in sorted(spent.items()):
        times.sort()
        p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
        print(
            f"{length:10d} {len(times):8d} {statistics.median(times) * 1e3:8.1f} {p95 * 1e3:8.1f} {times[-1] * 1e3:8.1f}"
        )
    every = sorted(one for times in spent.values() for one in times)
    print(f"all: p95 {every[int(len(every) * 0.95)] * 1e3:.1f} ms")
    if scanned:
        recall, precision = 1 - missed / max(true, 1), true and (true - missed) / max(true - missed + extra, 1)
        scan = statistics.median(scanned)
        print(
            f"recall {recall:.6f}, precision {precision:.6f} over {len(scanned)} queries and {true} finds; scan in memory {scan * 1e3:.1f} ms"
        )
    print(json.dumps({"missed": missed, "extra": extra, "p95_seconds": round(every[int(len(every) * 0.95)], 4)}))
    return 1 if missed or extra else 0


if __name__ == "__main__":
    sys.exit(main())
