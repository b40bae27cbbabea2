"""``govcrawl savepage URL|CAPTURE``: a page as a case of the saved-page tests; ``--review`` says what is due in such cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

import click

from govcrawl.agency_file import places
from govcrawl.cases import LARGEST_BYTES, case_folder, compare_case, write_case
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.decode import Page
from govcrawl.errors import CrawlError, UsageMistake
from govcrawl.families import FEWEST_MARKS, rank
from govcrawl.loader import find_template, project_settings, templates
from govcrawl.speech import say

if TYPE_CHECKING:
    from datetime import datetime

    from archive.catalog import Catalog
    from archive.model import Capture

FORM = b"application/x-www-form-urlencoded"
_GROUP_RECORDS = 3  # response, request and metadata of one capture stand one behind the other


class _Saved(NamedTuple):
    page: Page
    captured_at: datetime
    kind: str | None  # as the archive says why it was fetched


@click.command(
    help=say(
        "把一个网页存成测试用例：WHAT 是网址（有礼貌地取一次），或档案里的捕获号、记录号、文件编号。字节照原样保存，expected.json 按现在读到的写，"
        "须经人工核对。--review 检查已有用例。",
        "Save a page as a test case. WHAT is a URL (fetched once, politely) or a capture of the archive: its id, a record id, or a "
        "document id. Bytes stay as they are; expected.json is what is read now and must be reviewed by a person. --review checks cases.",
    )
)
@click.argument("what", metavar="WHAT")
@click.option(
    "--template", help=say("站点模板名；不给则从网页判断", "name of the site template; without it the page tells")
)
@click.option(
    "--agency",
    shell_complete=complete_agency,
    metavar="NAME",
    help=say(
        "按这个机构的声明读取（selectors 模板需要）", "read as this agency declares (needed for the selectors template)"
    ),
)
@click.option(
    "--case", "name", help=say("用例名，如 document-two-titles", "name of the case, e.g. document-two-titles")
)
@click.option(
    "--kind", type=click.Choice(["list", "document"]), help=say("列表页还是文件页", "a list page or a document")
)
@click.option("--why", help=say("这个用例为何存在", "why the case exists"))
@click.option(
    "--form",
    "form",
    multiple=True,
    metavar="NAME=VALUE",
    help=say("以 POST 提交的表单项", "a field to post with the request"),
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help=say(
        "用例的根目录（默认 tests/pages，或 $GOVCRAWL_SPIDERS/pages）",
        "root of the cases (default: tests/pages, or $GOVCRAWL_SPIDERS/pages)",
    ),
)
@click.option(
    "--delay", type=click.FloatRange(min=0), metavar="SECONDS", help=say("请求间隔秒数", "seconds between requests")
)
@click.option(
    "--review",
    is_flag=True,
    help=say(
        "WHAT 是用例目录：说出哪些用例待核对或读得不同",
        "WHAT is a folder of cases: say which are due for review or read differently",
    ),
)
@data_option
def savepage(  # noqa: PLR0913 - its options
    what: str,
    *,
    template: str | None,
    agency: str | None,
    name: str | None,
    kind: str | None,
    why: str | None,
    form: tuple[str, ...],
    into: Path | None,
    delay: float | None,
    review: bool,
    data: Path,
) -> None:
    """Write a case, or review cases."""
    if review:
        review_cases(Path(what))
        return
    if name is None:
        raise UsageMistake(say("请用 --case 给用例起名", "give the case a name with --case"))
    root = into or places(project_settings()).pages
    family = _named(template, agency)
    if family is not None:
        case_folder(root, family.template_name, name)  # before anything is fetched
    saved = _fetch(what, _parse_form(form), delay) if "://" in what else _read_capture(what, data)
    family = family or _detect(saved.page)
    chosen = kind or (saved.kind if saved.kind in {"list", "document"} else _kind_of(family, saved.page))
    folder = write_case(
        root,
        family,
        name,
        saved.page,
        kind=chosen,
        why=why or say(f"由 savepage 存自 {what}", f"saved from {what}"),
        captured_at=saved.captured_at,
    )
    click.echo(folder)
    size = len(saved.page.body)
    if size > LARGEST_BYTES:
        click.echo(
            say(
                f"{size} 字节：须按整个元素删减到 {LARGEST_BYTES} 字节以内",
                f"{size} bytes: trim page.html by whole elements to {LARGEST_BYTES} bytes",
            )
        )
    click.echo(
        say(
            "请人工核对 expected.json（或 error.json），改正后删去 meta.json 里的 review 一行；在此之前测试不通过。人名请遮去。",
            'Compare expected.json (or error.json) with the page, correct it, then delete the line "review" of meta.json; until then '
            "the test fails. Mask personal names.",
        )
    )


def review_cases(folder: Path) -> None:
    """Say what is wrong with the cases below a folder.

    Raises:
        UsageMistake: there are none; CrawlError: something is due.
    """
    cases = sorted(path.parent for path in folder.rglob("meta.json"))
    if not cases:
        raise UsageMistake(say(f"{folder} 下没有用例", f"there are no cases below {folder}"))
    due = [sentence for case in cases for sentence in compare_case(case)]
    for sentence in due:
        click.echo(sentence)
    if due:
        raise CrawlError(
            say(f"{len(cases)} 个用例，{len(due)} 处待处理", f"{len(cases)} cases, {len(due)} things to look at")
        )
    click.echo(say(f"{len(cases)} 个用例都已核对，读法相符", f"{len(cases)} cases are reviewed and read as expected"))


def _parse_form(given: tuple[str, ...]) -> dict[str, str] | None:
    form = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise UsageMistake(say(f"--form {text!r}：应写作 名称=值", f"--form {text!r}: expected NAME=VALUE"))
        form[name] = value
    return form or None


def _fetch(url: str, form: dict[str, str] | None, delay: float | None) -> _Saved:
    """Fetch one page."""
    from govcrawl.cli.agency import explain  # noqa: PLC0415 - loads Scrapy, which a capture does not need
    from govcrawl.cli.agency_probe import absolute  # noqa: PLC0415
    from govcrawl.look import Looked, Looker, look  # noqa: PLC0415

    address = absolute(url)

    async def explore(looker: Looker) -> Looked:
        return await looker.fetch(address, form=form)

    try:
        looked = look(explore, address, delay_seconds=delay)
    except CrawlError as error:
        raise explain(address, error) from error
    return _Saved(looked.page, looked.capture.captured_at, None)


# --- captures ---


def _read_capture(what: str, data: Path) -> _Saved:
    """Read a capture's content out of the WARC.

    Raises:
        CatalogError: there is no such capture; ArchiveError: it cannot be read.
    """
    from archive.reader import open_capture  # noqa: PLC0415 - a URL needs no archive

    with open_catalog(data) as catalog:
        capture = _find_capture(catalog, what)
        with open_capture(data, capture, original_of=catalog.capture_by_record_id) as stored:
            fields = {name.lower(): value for name, value in stored.content_headers}
            body = stored.read_content(max_bytes=256 * 1024 * 1024)
            status = capture.status if capture.revisit_profile is None else 200
    page = Page(
        url=capture.url,
        body=body,
        content_type=fields[b"content-type"].decode("latin-1") if b"content-type" in fields else None,
        status=status or 200,
        method=capture.method,
        form=_posted(data, capture) if capture.method == "POST" else {},
    )
    return _Saved(page, capture.captured_at, capture.kind)


def _find_capture(catalog: Catalog, what: str) -> Capture:
    """Return the capture that is meant: its id, a record id, or the id of a document, whose current version's it is then."""
    from archive import catalog_reads as reads  # noqa: PLC0415
    from archive.errors import CatalogError  # noqa: PLC0415

    if what.isascii() and what.isdigit():
        return catalog.capture(int(what))
    if "urn:" in what:
        record_id = f"<{what.strip('<>')}>"
        found = catalog.capture_by_record_id(record_id) or catalog.capture_by_record_id(what.strip("<>"))
        if found is not None:
            return found
    row = reads.document_row(catalog, what)
    if row is not None:
        return catalog.capture(row["capture_id"])
    near = ", ".join(reads.nearest_ids(catalog, what)) or "–"
    raise CatalogError(
        say(
            f"{what!r} 不是网址，档案里也没有这样的捕获号、记录号或文件编号；相近的文件编号：{near}",
            f"{what!r} is no URL, and the archive has no such capture, record or document; near: {near}",
        )
    )


def _posted(data: Path, capture: Capture) -> dict[str, str]:
    """Return the form that a capture's request posted, out of its request record."""
    from archive.reader import open_warc, read_record  # noqa: PLC0415

    path, file = open_warc(data, capture.warc_file)
    with file:
        offset = capture.offset
        for _ in range(_GROUP_RECORDS):
            record = read_record(file, offset, path)
            block = record.read_block()
            if record.type == "request":
                head, _, body = block.partition(b"\r\n\r\n")
                return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if FORM in head else {}
            offset += record.finish()
    return {}


# --- what it is ---


def _named(template: str | None, agency: str | None) -> Any | None:
    """Return the class that is to read the page: an agency's, a template's; None where none is named."""
    if agency is not None:
        from govcrawl.cli.agency_check import find_agency  # noqa: PLC0415 - loads Scrapy, which a template does not need

        return find_agency(agency)
    return find_template(template) if template is not None else None


def _detect(page: Page) -> Any:
    ranked = rank([page], templates())
    if not ranked or ranked[0].score < FEWEST_MARKS:
        seen = ", ".join(f"{family.name} {len(family.marks)}" for family in ranked) or "–"
        raise UsageMistake(
            say(
                f"{page.url} 看不出属于哪种模板（特征：{seen}），请用 --template 指明",
                f"{page.url}: its family cannot be told (marks: {seen}); name it with --template",
            )
        )
    return ranked[0].template


def _kind_of(template: Any, page: Page) -> str:
    """Tell a list from a document by reading it; a document where both or neither can be read."""
    try:
        template.read_document(page)
    except CrawlError:
        try:
            template.read_list(page)
        except CrawlError:
            return "document"
        return "list"
    return "document"
