"""``govcrawl extract``: one saved page read, without network and without catalog."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from archive.export import document_of_page
from govcrawl.decode import Page
from govcrawl.errors import TemplateMismatch, UsageMistake
from govcrawl.freely import detect_template, read_freely
from govcrawl.loader import find_template
from govcrawl.speech import say

if TYPE_CHECKING:
    from govcrawl.renditions import Form


@click.command(
    help=say(
        "读取一个已保存的网页(FILE 或 - 表示标准输入), 以 JSON 打印导出字段; 不联网, 不用目录库。",
        "Read one saved page (FILE, or - for standard input) and print the export fields as JSON; no network, no catalog.",
    )
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--url", required=True, help=say("网页的地址", "the page's address"))
@click.option(
    "--template", help=say("站点模板名; 不给则从网页判断", "name of the site template; without it the page tells")
)
@click.option("--content-type", help=say("服务器给的 Content-Type", "the Content-Type the server sent"))
@click.option(
    "--as",
    "form",
    type=click.Choice(["json", "text", "markdown", "html"]),
    default="json",
    show_default=True,
    help=say(
        "输出导出字段(JSON)，或只输出正文。", "The export fields as JSON, or only the body in one of the other forms."
    ),
)
def extract(file: Path, url: str, template: str | None, content_type: str | None, form: str) -> None:
    """Print one JSON object with the export fields, or the body."""
    from govcrawl.extract import read_page  # noqa: PLC0415 - trafilatura takes half a second to import
    from govcrawl.guard import is_file  # noqa: PLC0415
    from govcrawl.renditions import render_page  # noqa: PLC0415
    from govcrawl.urls import canonical_url  # noqa: PLC0415

    try:
        address = canonical_url(url)
    except ValueError as error:
        raise UsageMistake(
            say(
                f"--url：{error}；应为完整的 http 或 https 网址",
                f"--url: {error}; expected an absolute http or https address",
            )
        ) from None
    page = Page(url=address, body=read_bytes(file), content_type=content_type)
    if form != "json":
        if is_file(page):
            raise UsageMistake(
                say(
                    f"--as {form}：{address} 是文件，不是网页，没有正文",
                    f"--as {form}: {address} is a file, not a page; it has no body",
                )
            )
        family = find_template(template) if template else detect_template(page)
        try:
            body = render_page(family, page, cast("Form", form))
        except TemplateMismatch:
            if template:
                raise
            body = render_page(None, page, cast("Form", form))
        click.echo(body, nl=False)
        return
    document = read_page(find_template(template), page) if template else read_freely(page)
    click.echo(json.dumps(document_of_page(document), ensure_ascii=False, sort_keys=True, indent=2))


def read_bytes(file: Path) -> bytes:
    """Return the bytes of a file, of standard input for ``-``."""
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
