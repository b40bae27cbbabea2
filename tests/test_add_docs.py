"""What docs/add-an-agency.md and docs/add-a-template.md say can be done is there, and their code runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from govcrawl.cli import main
from govcrawl.decode import Page
from govcrawl.errors import TemplateMismatch
from govcrawl.extract import read_page

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "docs" / "add-an-agency.md", ROOT / "docs" / "add-a-template.md"]
COMMANDS = sorted(
    {
        found[1].partition("#")[0].strip()
        for path in DOCS
        for found in re.finditer(r"run\.py govcrawl ([^`|\n]+)", path.read_text("utf-8"))
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_there(line: str) -> None:
    """Each command that the pages name exists with the options they give it."""
    words = shlex.split(line)
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_links_lead_somewhere() -> None:
    """Links between the pages and to files of the project are not broken."""
    for path in (*DOCS, ROOT / "README.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def skeleton() -> Any:
    """The template of the page."""
    text = DOCS[1].read_text("utf-8").split("```python\n")[1].split("```")[0]
    space: dict[str, Any] = {"__name__": "example"}
    exec(compile(text, "example.py", "exec"), space)  # noqa: S102 - the project's own page
    return space["Example"]


def page(middle: str, path: str = "/gg/") -> Page:
    """A page of the skeleton's CMS."""
    return Page(url=f"http://x.test{path}", body=f"<html><body><h1>公告</h1>{middle}</body></html>".encode())


def test_the_skeleton_reads() -> None:
    """The template that the page begins with reads lists, their next page, an empty list and a document."""
    template = skeleton()
    lines = "".join(
        f"<li><a href='/show/{n}.html'>关于第{n}号事项的公告</a><span>2026-0{n}-11</span></li>" for n in (1, 2, 3)
    )
    listed = template.read_list(
        page(f"<ul>{lines}</ul><div class=page>共9条 <a href='/gg/index_1.html'>下一页</a></div>")
    )
    assert [(entry.key, entry.publish_date) for entry in listed.entries] == [
        ("1", "2026-01-11"),
        ("2", "2026-02-11"),
        ("3", "2026-03-11"),
    ]
    assert (listed.total, listed.next.url) == (9, "http://x.test/gg/index_1.html")
    assert template.read_list(page("<p>暂无信息</p>")).total == 0
    with pytest.raises(TemplateMismatch, match="/show/ID"):
        template.read_list(page("<p>新版</p>"))
    body = (
        f"<p>发布日期：2026-01-11 来源：办公室</p><div class=example-body><p>{'各单位应当按时报送总结。' * 9}</p></div>"
    )
    document = read_page(template, page(body, "/show/1.html"))
    assert (document.title, document.publish_date, document.source, document.key) == (
        "公告",
        "2026-01-11",
        "办公室",
        "1",
    )
