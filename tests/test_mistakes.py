"""Mistakes that users make, one or more for each command: a sentence in their language, the right exit code, nothing written."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest
from catalogs import Sample, read_document
from click.testing import CliRunner

from govcrawl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_CATALOG = ("没有目录库", "no catalog at", 1)
NO_AGENCY = ("没有机构 'nobody'", "has no agency 'nobody'", 2)
NO_DOCUMENT = ("没有公开文件 'nobody'", "there is no document 'nobody'", 1)
NO_DAY = ("不是日期", "is no day", 2)
NO_FORMAT = ("不在可选之列", "is not one of", 2)

MISTAKES: dict[str, tuple[str, str, int]] = {
    "search 法律 --agency nobody": NO_AGENCY,
    "search 法律 --since 2024-13-45": NO_DAY,
    "search (a OR b": ("括号没有闭合", "a bracket is not closed", 2),
    'search "a': ("引号没有闭合", "a quotation mark is not closed", 2),
    "search 法律 --save {long}": ("一行之内的", "characters on one line", 1),
    "search 从:去年": ("不是日期", "is no day", 2),
    "search from:2024-13-01": NO_DAY,
    "search 法律 --as-of 2024-05-01": ("只查现在的版本", "looks through present versions", 2),
    "search state:gone": ("没有状态 'gone'", "state 'gone'", 2),
    "search 法律 --data {none}": NO_CATALOG,
    "show nobody": NO_DOCUMENT,
    "show nobody --data {none}": NO_CATALOG,
    "show {document} --version 9": ("没有第 9 版", "has no version 9", 2),
    "diff nobody": NO_DOCUMENT,
    "diff {document} --from 9": ("没有第 9 版", "has no version 9", 2),
    "open nobody": NO_DOCUMENT,
    "changes --agency nobody": ("没有机构 'nobody'", "no agency 'nobody'", 2),
    "changes --since yesterday": ("不是时间", "is no time", 2),
    "changes --since 0001-01-01T00:00:00+14:00": ("不是时间", "is no time", 2),
    "changes --data {none}": NO_CATALOG,
    "feed --agency nobody --output -": ("没有机构 'nobody'", "no agency 'nobody'", 2),
    "feed --saved nobody --output -": ("没有名为 'nobody' 的检索", "no search is saved as 'nobody'", 2),
    "export documents --format doc --output x": NO_FORMAT,
    "export documents --format csv --output x --agency nobody": NO_AGENCY,
    "export documents --format csv --output {full}": ("是目录", "is a directory", 1),
    "export documents --format csv --output {none}/x.csv": ("不能写入", "cannot be written", 1),
    "export coverage --format csv --output x --agency nobody": NO_AGENCY,
    "export tables --format csv --output x --agency nobody": NO_AGENCY,
    "export captures --format csv --output x --agency nobody": NO_AGENCY,
    "export cdxj --output x --agency nobody": NO_AGENCY,
    "export wacz --output x --agency nobody": NO_AGENCY,
    "export bag --output x --agency nobody": NO_AGENCY,
    "export bag --output {full} --agency sample_sfj": ("已经存在", "is there already", 1),
    "export wacz --output x --since 2030-01-01": ("没有这样的捕获", "has no capture of since 2030-01-01", 1),
    "export bag --output - --agency sample_sfj": ("不能是标准输出", "cannot be standard output", 2),
    "export bodies --output -": ("不能是标准输出", "cannot be standard output", 2),
    "export dataset --output -": ("不能是标准输出", "cannot be standard output", 2),
    "export package --output -": ("不能是标准输出", "cannot be standard output", 2),
    "export sqlite --output -": ("不能是标准输出", "cannot be standard output", 2),
    "export package --output {full}": ("已经存在", "is there already", 1),
    "export warc --output x --document nobody": NO_DOCUMENT,
    "export bodies --as markdown --output x --agency nobody": NO_AGENCY,
    "status --agency nobody": NO_AGENCY,
    "status --data {none}": NO_CATALOG,
    "serve --data {none}": NO_CATALOG,
    "serve --no-browser --port {taken}": ("请另选 --port", "choose another --port", 2),
    "withhold nobody --reason x": NO_DOCUMENT,
    "withhold {document}": ("要给 ID 和 --reason", "ID and --reason were expected", 2),
    "release nobody --reason x": ("没有被撤下显示", "is not withheld", 1),
    "verify {none}": ("没有这个文件", "no such file", 2),
    "verify {empty}": ("未核验任何文件", "nothing in it was verified", 2),
    "rebuild --data {none}": ("没有 WARC 文件", "no WARC files below it", 2),
    "reextract --agency nobody": NO_AGENCY,
    "attachments --agency nobody": NO_AGENCY,
    "attachments --data {none}": NO_CATALOG,
    "extract {none} --url http://sfj.example/": ("不存在", "does not exist", 2),
    "agency check nobody": ("没有名为 'nobody' 的机构", "no agency is called 'nobody'", 2),
    "agency probe nothing": ("不是网址", "is no address", 2),
    "recrawl --agency nobody": ("没有名为 nobody 的机构", "no agency is called nobody", 2),
    "timestamp --tsa nothing": ("不是 http 或 https 网址", "is no http or https address", 2),
    "completion tcsh": NO_FORMAT,
    "demo --keep {full}": ("请给一个新的或空的目录", "give a new or empty directory", 2),
    "audit --nope": ("没有选项", "No such option", 2),
    "nosuch": ("没有命令 'nosuch'", "there is no command 'nosuch'", 2),
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What stands for the words in braces: a document, a path that is not there, one with something in it, a port in use."""
    folder, empty = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("empty")
    sample = Sample.make(folder)
    document = sample.put(read_document()).document_id
    sample.finish()
    sample.catalog.close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield {
            "folder": str(folder),
            "document": document,
            "long": "x" * 101,
            "none": str(folder / "none"),
            "full": str(folder),
            "empty": str(empty),
            "taken": str(taken.getsockname()[1]),
        }


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("typed", MISTAKES, ids=[f"{n}-{line.split()[0]}" for n, line in enumerate(MISTAKES)])
def test_a_mistake_is_said(
    places: dict[str, str], tmp_path: Path, typed: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard error says it in one language, standard output nothing, the exit code is the documented one."""
    monkeypatch.chdir(tmp_path)
    zh, en, code = MISTAKES[typed]
    runner = CliRunner(env={"GOVCRAWL_LANG": language, "GOVCRAWL_DATA": places["folder"]})
    said = runner.invoke(main, [word.format_map(places) for word in typed.split()])
    assert said.exit_code == code, said.output
    wanted = zh if language == "zh" else en
    assert wanted in said.stderr
    assert said.stdout == ""
    assert "Traceback" not in said.stderr
    assert list(tmp_path.iterdir()) == []
    told = said.stderr.replace(places["folder"], "").replace(typed.rpartition(" ")[2], "")
    if language == "en":
        assert re.search(r"[\u4e00-\u9fff]{5}", re.sub(r"'[^']*'|no such file \S+", "", told)) is None, told
