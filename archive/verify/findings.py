"""What a check can find: one :class:`Finding` per defect, each with a code that says what kind it is.

A finding says where, what was found and what was expected; nothing is ever repaired here. ``note`` is no finding: it
says what was passed over and why.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Severity = Literal["error", "warning", "note"]
"""``error`` = evidence is damaged or contradicts itself; ``warning`` = readable, but against the rules; ``note``."""

SAME_CODE_LIMIT = 50
"""Findings of one code told one by one per file; a broken writer makes the same mistake in each of a million records."""

VALUE_LIMIT = 200
"""Characters of a found value that are told: values come from files that may be hostile."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (or worth a note) with one place of the archive."""

    code: str
    severity: Severity
    file: str  # as given, or relative to the data directory; zip entries as archive.wacz!entry
    offset: int | None  # of the gzip member (or record, in a file that is not compressed; or line, from 1, of an index)
    record_id: str | None
    what: str
    got: str | None = None
    expected: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, for JSON lines."""
        return asdict(self)


class Code(NamedTuple):
    """What a code means: how bad it is, the rule it comes from, and a title in Chinese and English."""

    severity: Severity
    rule: str
    zh: str
    en: str


_WARC = "WARC 1.1"
_RECORD = "RFC 1952; WARC 1.1 annex D"
_WACZ = "WACZ 1.1.1"
_STORE = "docs/data.md"
_CHAIN = "docs/archive.md"

CODES: dict[str, Code] = {
    # gzip and files
    "file-unreadable": Code("error", "-", "文件读不出", "the file cannot be read"),
    "file-empty": Code("error", _WARC, "空文件", "the file is empty"),
    "file-kind": Code("error", "-", "不支持的文件", "no kind of file that can be verified"),
    "file-name": Code("warning", _STORE, "文件名不合规", "the file's name is not of the archive's form"),
    "file-extra": Code("warning", _STORE, "多余的文件", "a file that does not belong here"),
    "file-link": Code("error", _STORE, "符号链接", "a symbolic link where a file was expected"),
    "file-open": Code("error", _STORE, "中断的抓取留下的文件", "left open by a process that has died"),
    "file-live": Code("note", _STORE, "正在写入,跳过", "being written by a running crawl: passed over"),
    "file-tail": Code("note", _STORE, "崩溃后留存的尾部", "what a crash left behind, laid aside"),
    "gzip-broken": Code("error", _RECORD, "gzip 损坏", "the gzip member is damaged"),
    "gzip-truncated": Code("error", _RECORD, "gzip 被截断", "the file ends within a gzip member"),
    "garbage": Code("error", _RECORD, "多余的字节", "bytes that are no record"),
    "member-records": Code("error", _RECORD, "一个 gzip 成员含多条记录", "more than one record in a gzip member"),
    "member-empty": Code("warning", _RECORD, "空的 gzip 成员", "a gzip member without a record"),
    # syntax of records
    "version": Code("error", f"{_WARC} 4", "WARC 版本不对", "not a WARC version that is known, or mixed versions"),
    "line-ends": Code("error", f"{_WARC} 4", "行尾不是 CRLF", "lines do not end in CR LF"),
    "head-syntax": Code("error", f"{_WARC} 4", "记录头语法错误", "a header line that is none"),
    "head-long": Code("error", f"{_WARC} 4", "记录头过长或没有结束", "no end of the WARC head within the limit"),
    "content-length": Code("error", f"{_WARC} 5.3", "Content-Length 不符", "Content-Length is not the block's length"),
    "record-end": Code("error", f"{_WARC} 4", "记录结尾不对", "a record does not end in two line ends"),
    "field-missing": Code("error", f"{_WARC} 5", "缺少必需字段", "a field that must be there is not"),
    "field-repeated": Code("error", f"{_WARC} 4", "字段重复", "a field stands more than once"),
    "field-misplaced": Code("error", f"{_WARC} 5", "字段不该出现", "a field that this type of record must not have"),
    "record-id": Code(
        "error", f"{_WARC} 5.2", "记录编号格式错误", "the record id is not <urn:uuid:...> of version 4 or 5"
    ),
    "record-id-twice": Code("error", f"{_WARC} 5.2", "记录编号重复", "a record id is used twice"),
    "type-unknown": Code("error", f"{_WARC} 5.5", "未知记录类型", "a type of record that does not exist"),
    "date": Code("error", f"{_WARC} 5.4", "日期格式错误", "a date that is not UTC in the W3C form"),
    "uri": Code("error", f"{_WARC} 5.12", "网址格式错误", "no percent-encoded absolute URI"),
    "ip": Code("error", f"{_WARC} 5.11; RFC 5952", "IP 地址格式错误", "no IP address in its one form"),
    "content-type": Code(
        "error", f"{_WARC} 5.6", "Content-Type 缺失或不符", "Content-Type is missing or of another type"
    ),
    "truncated": Code("error", f"{_WARC} 5.13", "WARC-Truncated 取值错误", "WARC-Truncated says what it cannot"),
    "digest-form": Code("warning", f"{_WARC} 5.8", "摘要写法不规范", "a digest is not written in its usual form"),
    "digest-unknown": Code("warning", f"{_WARC} 5.8", "摘要算法未知", "a digest that cannot be checked"),
    "block-digest": Code("error", f"{_WARC} 5.8", "块摘要不符", "the block does not have its digest"),
    "payload-digest": Code("error", f"{_WARC} 5.9", "载荷摘要不符", "the payload does not have its digest"),
    "payload-digest-framing": Code(
        "error", f"{_WARC} 5.9", "载荷摘要算在了分块编码上", "the payload digest is over the chunk framing"
    ),
    # warcinfo, captures
    "warcinfo-first": Code("error", f"{_WARC} 6.2", "首条记录不是 warcinfo", "the file does not begin with warcinfo"),
    "warcinfo-filename": Code("warning", f"{_WARC} 5.16", "WARC-Filename 不符", "WARC-Filename is not the file's name"),
    "warcinfo-fields": Code(
        "warning", f"{_WARC} 6.2", "warcinfo 内容不全", "the warcinfo block lacks what it must say"
    ),
    "warcinfo-id": Code(
        "warning", f"{_WARC} 5.14", "WARC-Warcinfo-ID 不符", "a record does not name its file's warcinfo"
    ),
    "concurrent-to": Code("error", f"{_WARC} 5.7", "并发记录不存在", "WARC-Concurrent-To names no record of the file"),
    "pair": Code("error", f"{_WARC} 5.7", "同一捕获的记录不一致", "records of one capture disagree"),
    "pair-missing": Code("warning", f"{_WARC} 6.4", "请求没有对应的响应", "a request that belongs to no capture"),
    "refers-to": Code(
        "error", f"{_WARC} 5.10", "所指记录不存在或不对", "WARC-Refers-To names no response that is there"
    ),
    "refers-to-date": Code("error", f"{_WARC} 5.17", "所指日期不符", "WARC-Refers-To-Date is not the original's date"),
    "refers-to-uri": Code("error", f"{_WARC} 5.17", "所指网址不符", "WARC-Refers-To-Target-URI is not the original's"),
    "revisit-profile": Code("error", f"{_WARC} 6.7", "重访类型缺失或未知", "a revisit without a known profile"),
    "revisit-payload": Code("error", f"{_WARC} 6.7.2", "重访缺少载荷摘要", "a revisit without its payload digest"),
    "revisit-truncated": Code("error", f"{_WARC} 6.7.2", "重访未注明截断", "a revisit that does not say it is cut"),
    "revisit-block": Code("error", f"{_WARC} 6.7", "重访的内容不对", "a revisit's block is not what its profile says"),
    # HTTP
    "http-status-line": Code("error", "RFC 9112 4", "HTTP 状态行错误", "no HTTP/1.x start line"),
    "http-none": Code("note", "RFC 9112 4", "不是 HTTP 的应答", "what the server sent is no HTTP"),
    "http-head": Code(
        "error", "RFC 9112 2.1", "HTTP 头不完整", "the HTTP head does not end, and nothing says it is cut"
    ),
    "http-length": Code("error", "RFC 9112 6.3", "HTTP Content-Length 不符", "the body is not as long as HTTP says"),
    "http-chunks": Code(
        "error", "RFC 9112 7.1", "分块编码损坏", "the chunk framing is broken, and nothing says it is cut"
    ),
    # catalog
    "catalog-missing": Code("error", _STORE, "没有目录库", "there is no catalog beside the WARC files"),
    "catalog-damaged": Code("error", _STORE, "目录库损坏", "the catalog is damaged"),
    "catalog-reference": Code("error", _STORE, "目录库行指向不存在的行", "a row refers to a row that is not there"),
    "row-file": Code("error", _STORE, "目录库所列文件不存在", "a WARC file of the catalog is not there"),
    "row-file-bytes": Code("error", _STORE, "文件大小与目录库不符", "a file's size is not the catalog's"),
    "row-file-digest": Code("error", _STORE, "文件摘要与目录库不符", "a file's digest is not the catalog's"),
    "row-file-unclosed": Code("error", _STORE, "文件已关闭而目录库未记", "a closed file whose row is not closed"),
    "file-orphan": Code("error", _STORE, "目录库中没有此文件", "a WARC file that the catalog does not know"),
    "row-record": Code("error", _STORE, "目录库行没有对应记录", "a row without its record"),
    "row-differs": Code("error", _STORE, "目录库行与记录不符", "a row says something else than its record"),
    "record-orphan": Code("error", _STORE, "记录没有目录库行", "a record without its row"),
    "content": Code("error", _STORE, "内容读不出或不符", "the content of a capture cannot be read or is another one"),
    # manifests
    "manifest-name": Code("error", _CHAIN, "清单文件名不合规", "no manifest's name"),
    "manifest-syntax": Code("error", _CHAIN, "清单格式错误", "a line of a manifest that is none"),
    "manifest-missing": Code("error", _CHAIN, "缺少清单", "a manifest of the chain is missing"),
    "manifest-twice": Code("error", _CHAIN, "清单重复", "two manifests in one place, or a file in two manifests"),
    "manifest-chain": Code("error", _CHAIN, "清单链断裂", "the chain of manifests is broken"),
    "manifest-head": Code("error", _CHAIN, "链首不符", "HEAD does not name the last manifest"),
    "manifest-order": Code("error", _CHAIN, "清单次序不符", "crawls are not in the order of their manifests"),
    "manifest-lacks": Code("warning", _CHAIN, "文件未列入清单", "a closed file that no manifest names"),
    "manifest-file": Code("error", _CHAIN, "清单所列文件不存在", "a file of a manifest is not there"),
    "manifest-digest": Code("error", _CHAIN, "文件与清单不符", "a file does not have the digest of its manifest"),
    "manifest-warcinfo": Code("error", _CHAIN, "WARC 所述前一清单不符", "a WARC names another manifest before it"),
    "timestamp": Code("error", "RFC 3161", "时间戳不符", "a time stamp does not fit its manifest"),
    # shards
    "shard-fenced": Code("warning", "docs/cluster.md", "迟到的分片", "a shard that came too late: kept, not merged"),
    # indexes and packages
    "cdxj-line": Code("error", "CDXJ", "索引行格式错误", "a line of an index that is none"),
    "cdxj-order": Code("error", "CDXJ", "索引未按字节排序", "an index is not sorted by bytes"),
    "cdxj-target": Code("error", "CDXJ", "索引指向不存在的记录", "an index points to no record"),
    "cdxj-differs": Code("error", "CDXJ", "索引与记录不符", "an index says something else than the record"),
    "wacz-zip": Code("error", _WACZ, "ZIP 损坏", "the ZIP file is damaged"),
    "wacz-entry": Code(
        "error", _WACZ, "ZIP 条目名不安全", "a ZIP entry's name leads out of the package, or is there twice"
    ),
    "wacz-no-warc": Code("error", _WACZ, "没有 WARC", "a package without a WARC file"),
    "wacz-no-index": Code("error", _WACZ, "没有索引", "a package without an index"),
    "wacz-no-pages": Code("error", _WACZ, "没有页面列表", "a package without a list of pages"),
    "wacz-deflated": Code("error", _WACZ, "WARC 被再压缩", "a WARC file that is compressed within the package"),
    "wacz-datapackage": Code("error", _WACZ, "datapackage.json 缺失或错误", "datapackage.json is missing or wrong"),
    "wacz-digest": Code("error", _WACZ, "条目与清单摘要不符", "an entry does not have its digest or size"),
    "wacz-unlisted": Code("error", _WACZ, "条目未列出", "an entry that datapackage.json does not list"),
    "wacz-resource": Code("error", _WACZ, "所列条目不存在", "a listed entry that is not there"),
    "wacz-pages": Code("error", _WACZ, "页面列表格式错误", "pages.jsonl is malformed"),
}
"""Every code there is."""


def find(
    code: str,
    file: str,
    what: str,
    *,
    offset: int | None = None,
    record_id: str | None = None,
    got: object = None,
    expected: object = None,
) -> Finding:
    """Make a finding; its severity is the code's, values are cut to a length that can be read."""
    return Finding(
        code, CODES[code].severity, file, offset, record_id and tell(record_id), what, _tell(got), _tell(expected)
    )


def _tell(value: object) -> str | None:
    return None if value is None else tell(value)


def tell(value: object) -> str:
    """Return a found value as a short printable text."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if len(text) > VALUE_LIMIT:
        text = f"{text[:VALUE_LIMIT]}… ({len(text)} characters)"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def limited(findings: Iterable[Finding], limit: int = SAME_CODE_LIMIT) -> Iterator[Finding]:
    """Pass findings on, of one code in one file at most ``limit`` one by one and then how many more there were."""
    counts: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = (finding.file, finding.code)
        counts[key] += 1
        if counts[key] <= limit:
            yield finding
        else:
            last[key] = finding
    for key, finding in last.items():
        more = counts[key] - limit
        yield replace(finding, what=f"{more} more of this kind in this file, the last one here: {finding.what}")
