"""``govcrawl agency probe|add|check|list`` as a user runs them, against sites on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from small_site import SmallSite, document, listing, paragraphs

from archive import catalog_reads as reads
from archive.catalog import Catalog
from archive.export import export_documents
from govcrawl.agency_file import agency_text, counted_lines, suggest_name
from govcrawl.cli import main
from govcrawl.cli.agency import explain
from govcrawl.cli.agency_probe import what_is_missing
from govcrawl.demo.portal import Portal
from govcrawl.errors import BadStatus, BlockedPage, CrawlError, NotAPage
from govcrawl.families import Family
from govcrawl.finding import Finding
from govcrawl.loader import find_template
from govcrawl.look import NotFetched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from small_site import Answer

    Route = Answer | Callable[[Mapping[str, str]], Answer]

ROOT = Path(__file__).resolve().parent.parent
HOME = f"http://{Portal.host}/"


def environment(folder: Path, connect_to: str, language: str = "en") -> dict[str, str]:
    """The environment of a user with a folder of agencies of their own."""
    (folder / "mine").mkdir(exist_ok=True)
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
        "GOVCRAWL_SPIDERS": str(folder / "mine"),
        "GOVCRAWL_CONNECT_TO": connect_to,
        "GOVCRAWL_LANG": language,
    }


def run(
    folder: Path, connect_to: str, *arguments: str, program: str = "govcrawl", language: str = "en"
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    start = ["-m", "scrapy"] if program == "scrapy" else ["-c", "from govcrawl.cli import main; main()"]
    return subprocess.run(
        [sys.executable, *start, *arguments],
        env=environment(folder, connect_to, language),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    """The built-in portal, shared: its days do not change here."""
    with Portal() as running:
        yield running


# --- the whole way, as a stranger goes it ---


def test_probe_says_family_evidence_channels_and_fields(tmp_path: Path, portal: Portal) -> None:
    """A probe names the family with each mark and where it stands, the channels, a list, a document's fields, and the file."""
    before = len(portal.requests)
    done = run(tmp_path, portal.connect_to, "agency", "probe", HOME, "--delay", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "family: trt  spiders.templates.trt.FujianTrt",
        "'pageChnlInfo'  ← http://sfj.yunling.example/zwgk/",
        "could also be trs",
        "公告公示  http://sfj.yunling.example/zwgk/gsgg/",
        "next page: http://sfj.yunling.example/fjdzapp/search",
        "class yunling_sfj(FujianTrt):",
        '    agency = "云岭市司法局"',
        '        "财政信息": "/zwgk/czxx/",',
        "nothing was kept",
    ):
        assert said in done.stdout
    asked = portal.requests[before:]
    assert asked[0].kind == "robots"
    assert not [one for one in asked if one.kind in {"trap", "disallowed", "refused", "attachment", "asset"}]
    assert f"{len(asked)} requests" in done.stdout
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]
    assert list((tmp_path / "mine").iterdir()) == []


def test_add_check_crawl(tmp_path: Path, portal: Portal) -> None:
    """An agency is added, checked and crawled without code; its file is short, its cases hold the bytes and wait for review."""
    added = run(tmp_path, portal.connect_to, "agency", "add", HOME, "--name", "my_sfj", "--delay", "0")
    assert added.returncode == 0, added.stdout + added.stderr
    text = (tmp_path / "mine" / "my_sfj.py").read_text("utf-8")
    assert counted_lines(text) <= 12
    assert '    agency = "云岭市司法局"\n' in text
    case = tmp_path / "mine" / "pages" / "trt" / "my-sfj-document"
    meta = json.loads((case / "meta.json").read_text("utf-8"))
    assert meta["review"]
    assert meta["entry"]["title"]
    read = json.loads((case / "expected.json").read_text("utf-8"))
    assert read["title"] in (case / "page.html").read_bytes().decode("utf-8", "replace")
    assert read["url"] == meta["url"]
    listed = json.loads((tmp_path / "mine/pages/trt/my-sfj-list/expected.json").read_text("utf-8"))
    assert len(listed["entries"]) > 5

    again = run(tmp_path, portal.connect_to, "agency", "add", HOME, "--name", "my_sfj", "--delay", "0")
    assert again.returncode == 2
    assert "'my_sfj' is taken" in again.stderr
    assert (tmp_path / "mine" / "my_sfj.py").read_text("utf-8") == text

    checked = run(tmp_path, portal.connect_to, "agency", "check", "my_sfj", "--delay", "0", "--limit", "2")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    verdicts = [line.split(":")[0].split() for line in checked.stdout.splitlines()[1:-1]]
    assert {words[1] for words in verdicts} >= {
        "list",
        "paging",
        "title",
        "date",
        "source",
        "numbers",
        "body",
        "attachments",
    }
    assert "no state was changed" in checked.stdout

    data = f"GOVCRAWL_DATA={tmp_path / 'data'}"
    crawled = run(
        tmp_path, portal.connect_to, "crawl", "my_sfj", "-a", "limit=3", "-s", "DOWNLOAD_DELAY=0", "-s", data,
        program="scrapy",
    )  # fmt: skip
    assert crawled.returncode == 0, crawled.stdout + crawled.stderr
    with Catalog.open_read_only(tmp_path / "data" / "catalog.db") as catalog:
        before = list(export_documents(catalog))
        assert len(before) == 3

    kept = run(
        tmp_path,
        portal.connect_to,
        "agency",
        "check",
        "my_sfj",
        "--delay",
        "0",
        "--limit",
        "1",
        "--data",
        str(tmp_path / "data"),
    )
    assert kept.returncode == 0, kept.stdout + kept.stderr
    with Catalog.open_read_only(tmp_path / "data" / "catalog.db") as catalog:
        assert list(export_documents(catalog)) == before
        rows = list(catalog.rows("SELECT agency, kind, COUNT(*) AS n FROM captures GROUP BY agency, kind"))
        assert {row["kind"] for row in rows if row["agency"] == "probe"} == {"probe"}, (
            "robots.txt is known from the crawl"
        )
        assert {row["name"] for row in reads.agencies(catalog)} == {"my_sfj", "probe"}
        assert len(list(catalog.rows("SELECT id FROM crawls WHERE agency = 'my_sfj'"))) == 1

    listed_names = run(tmp_path, "", "agency", "list")
    assert listed_names.returncode == 0
    assert "my_sfj" in listed_names.stdout
    assert "xiamen_sfj" in listed_names.stdout


def test_channels_that_are_given(tmp_path: Path, portal: Portal) -> None:
    """``--channel`` takes the place of the search, under the names that are given; one that is no list writes nothing."""
    given = ["--channel", "公示=/zwgk/gsgg/", "--channel", f"财政={HOME}zwgk/czxx/"]
    before = len(portal.requests)
    command = ("agency", "add", HOME, "--name", "two_sfj", "--agency", "云岭市司法局", "--delay", "0")
    added = run(tmp_path, portal.connect_to, *command, *given)
    assert added.returncode == 0, added.stdout + added.stderr
    text = (tmp_path / "mine" / "two_sfj.py").read_text("utf-8")
    assert '        "公示": "/zwgk/gsgg/",\n        "财政": "/zwgk/czxx/",\n' in text
    assert len(portal.requests) - before <= 6
    refused = run(
        tmp_path,
        portal.connect_to,
        "agency",
        "add",
        HOME,
        "--name",
        "three_sfj",
        "--delay",
        "0",
        "--channel",
        "没有=/zwgk/none/",
    )
    assert refused.returncode == 1
    assert "nothing was written" in refused.stderr
    assert "没有" in refused.stderr
    assert not (tmp_path / "mine" / "three_sfj.py").exists()


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("arguments", "zh", "en"),
    [
        (["probe", "abc"], "不是网址", "is no address of a site"),
        (["probe", "ftp://x.test/"], "不是网址", "is no address of a site"),
        (["add", HOME, "--name", "Bad-Name"], "小写字母", "lower-case letters"),
        (["add", HOME, "--name", "class"], "小写字母", "lower-case letters"),
        (["add", HOME, "--name", "xiamen_sfj"], "已被占用", "is taken"),
        (["add", HOME, "--name", "json"], "程序模块同名", "is taken by a module"),
        (["add", HOME, "--name", "probe"], "程序模块同名", "is taken by a module"),
        (["add", HOME, "--name", "x_sfj", "--agency", "Bureau"], "官方中文全称", "official Chinese name"),
        (["add", HOME, "--name", "x_sfj", "--channel", "公示"], "应为 名称=网址", "expected NAME=URL"),
        (
            ["add", HOME, "--name", "x_sfj", "--channel", "公示=/a/", "--channel", "公示=/b/"],
            "名称不重复",
            "a name of its own",
        ),
        (["check", "xiamen"], "没有名为 'xiamen' 的机构", "no agency is called 'xiamen'; near: xiamen_sfj"),
    ],
)
def test_wrong_calls(arguments: list[str], zh: str, en: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that cannot be followed ends with 2 and one sentence in the user's language, before anything is asked for."""
    monkeypatch.setenv("SCRAPY_SETTINGS_MODULE", "govcrawl.settings")
    for language, said in (("zh", zh), ("en", en)):
        monkeypatch.setenv("GOVCRAWL_LANG", language)
        done = CliRunner().invoke(main, ["agency", *arguments])
        assert done.exit_code == 2, done.output
        assert done.stderr.count("\n") == 1
        assert said in done.stderr


def test_a_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``add`` says which folder is missing."""
    monkeypatch.setenv("SCRAPY_SETTINGS_MODULE", "govcrawl.settings")
    code = f"""
import sys
from govcrawl.cli import main
sys.argv = ["govcrawl", "agency", "add", "{HOME}", "--name", "x_sfj"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment(tmp_path, ""), "GOVCRAWL_SPIDERS": str(tmp_path / "gone")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"mkdir {tmp_path / 'gone'}" in done.stderr


PLAIN = (
    "<html><head><title>某单位</title></head><body><a href='/tzgg/'>通知公告</a><p>"
    + "一些文字。" * 100
    + "</p></body></html>"
)
TRT_HOME = (
    '<html ms-controller="windowRoot"><head><link href="/images/trt_iconfont.css"></head><body><p>'
    + "欢迎访问。" * 100
    + '</p><script>var SiteInfo = { searchId: 1, siteMsgType: "govSite" };</script></body></html>'
)
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ({"/": (200, HTML, PLAIN.encode())}, "is of no known family"),
        ({"/": (200, HTML, TRT_HOME.encode())}, "no disclosure channel was found"),
        (
            {"/robots.txt": (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /\n")},
            "robots.txt of www.site.test disallows",
        ),
        ({"/": (521, HTML, b"<script>document.cookie='__jsl_clearance=1'</script>")}, "status 521"),
        ({"/": (200, HTML, b"\r\n")}, "empty body"),
        ({}, "status 404"),
        (None, "refuses connections"),
    ],
)
def test_sites_that_cannot_be_probed(tmp_path: Path, routes: dict[str, Route] | None, said: str) -> None:
    """Each ends with 1 and one sentence that names the site and says what is the matter."""
    site = SmallSite(dict(routes or {}))
    with site:
        connect_to = f":80:127.0.0.1:{site.port}"
        if routes is not None:
            done = run(tmp_path, connect_to, "agency", "probe", "www.site.test", "--delay", "0")
    if routes is None:  # nobody listens there any more
        done = run(tmp_path, connect_to, "agency", "probe", "www.site.test", "--delay", "0")
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stderr
    assert "http://www.site.test/" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    if routes and "/robots.txt" in routes:
        assert site.targets() == ["/robots.txt"]


@pytest.mark.parametrize(
    ("error", "zh"),
    [
        (NotFetched("robots.txt of x.test disallows http://x.test/", "robots"), "robots.txt 不允许"),
        (NotFetched("http://x.test/: refused", "refused"), "服务器拒绝连接"),
        (NotFetched("http://x.test/: no such name", "dns"), "主机名无法解析"),
        (NotFetched("http://x.test/: late", "timeout"), "没有及时应答"),
        (BlockedPage("http://x.test/: status 412"), "验证页或拦截页"),
        (NotAPage("http://x.test/: status 404"), "没有网页"),
        (BadStatus("http://x.test/: status 500"), "错误状态"),
    ],
)
def test_reasons_in_chinese(error: CrawlError, zh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of Chinese is told why a site cannot be looked at, with the detail behind it."""
    monkeypatch.setenv("GOVCRAWL_LANG", "zh")
    said = str(explain("http://x.test/", error))
    assert said.startswith("无法查看 http://x.test/：")
    assert zh in said
    monkeypatch.setenv("GOVCRAWL_LANG", "en")
    assert str(explain("http://x.test/", error)).startswith("cannot look at http://x.test/: ")


def test_what_is_missing_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site of no family and one without channels are told apart, and both sentences say what to do."""
    monkeypatch.setenv("GOVCRAWL_LANG", "zh")
    unknown = what_is_missing(Finding(url="http://x.test/"))
    assert unknown is not None
    assert "docs/add-a-template.md" in unknown
    marks = dict.fromkeys(("pageChnlInfo", "trt_iconfont"), "http://x.test/")
    nothing = what_is_missing(Finding(url="http://x.test/", family=Family(find_template("trt"), marks)))
    assert nothing is not None
    assert "--channel" in nothing


AGENCY = agency_text(
    name="small_of_check_sfj",
    title="小城市司法局",
    template=find_template("trt"),
    base_url="http://sfj.small.test",
    channels={"公告公示": "http://sfj.small.test/zwgk/gsgg/", "政策法规": "http://sfj.small.test/zwgk/zcfg/"},
)
ROWS = [(f"/zwgk/gsgg/t20240305_{n}.htm", f"关于第{n}项工作的通知", "2024-03-05") for n in range(1, 4)]


def test_check_says_what_must_be_repaired(tmp_path: Path) -> None:
    """A redesigned list, a list that has more than it shows, documents without date or body: each is named; exit 1."""
    routes: dict[str, Route] = {
        "/zwgk/gsgg/": listing(ROWS, total=3),
        "/zwgk/zcfg/": (
            200,
            HTML,
            b"<html><body><div class='list_base'><p>" + "新版栏目".encode() * 100 + b"</p></div></body></html>",
        ),
        ROWS[0][0]: document("关于工作的通知", paragraphs("甲")),
        ROWS[1][0]: document("关于工作的通知", "<p>打印本页 扫一扫</p>" + paragraphs("乙")),
        ROWS[2][0]: (200, HTML, b"<html><body><div class='new'>" + "新版正文".encode() * 100 + b"</div></body></html>"),
    }
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "small_of_check_sfj.py").write_text(AGENCY, "utf-8")
    with SmallSite(routes) as site:
        connect_to = f":80:127.0.0.1:{site.port}"
        done = run(tmp_path, connect_to, "agency", "check", "small_of_check_sfj", "--delay", "0")
    assert done.returncode == 1
    said = done.stdout
    assert "ok  list 公告公示: 3 rows, 3 of them dated, 3 in all" in said
    assert "missing, repair  list 政策法规: http://sfj.small.test/zwgk/zcfg/: no row" in said
    assert "missing, repair  document: http://sfj.small.test" in said
    assert "missing, repair  title: 2 documents have the same title" in said
    assert "suspicious  body: 打印本页" in said
    assert "small_of_check_sfj needs repair: list 政策法规, document, title" in done.stderr


def test_check_of_a_site_that_blocks(tmp_path: Path) -> None:
    """A site that answers with a challenge is not asked on, and nothing is said about the template."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "small_of_check_sfj.py").write_text(AGENCY, "utf-8")
    with SmallSite({"/zwgk/gsgg/": (412, HTML, b"<script>$_ts=window['$_ts']</script>")}) as site:
        done = run(tmp_path, f":80:127.0.0.1:{site.port}", "agency", "check", "small_of_check_sfj", "--delay", "0")
    assert done.returncode == 1
    assert "cannot look at http://sfj.small.test" in done.stderr
    assert "status 412" in done.stderr
    assert "repair" not in done.stdout
    assert site.targets() == ["/robots.txt", "/zwgk/gsgg/"]


def test_check_of_a_list_that_is_refused(tmp_path: Path) -> None:
    """A list that answers with an error today is told apart from one that must be repaired; the rest is still checked."""
    routes: dict[str, Route] = {
        "/zwgk/gsgg/": listing(ROWS[:1], total=1),
        "/zwgk/zcfg/": (500, HTML, b"<html><body>error</body></html>"),
        ROWS[0][0]: document("关于第1项工作的通知", paragraphs("甲")),
    }
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "small_of_check_sfj.py").write_text(AGENCY, "utf-8")
    with SmallSite(routes) as site:
        done = run(tmp_path, f":80:127.0.0.1:{site.port}", "agency", "check", "small_of_check_sfj", "--delay", "0")
    assert done.returncode == 1
    assert "unreached  list 政策法规: http://sfj.small.test/zwgk/zcfg/: status 500" in done.stdout
    assert "ok  title: 关于第1项工作的通知" in done.stdout
    assert "could not be looked at: list 政策法规" in done.stderr


def test_list_names_broken_agencies(tmp_path: Path) -> None:
    """An agency that is declared wrongly does not keep the others from being listed; it is named, and the exit code is 1."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "broken_of_list_sfj.py").write_text("channels = (", "utf-8")
    done = run(tmp_path, "", "agency", "list")
    assert done.returncode == 1
    assert "xiamen_sfj" in done.stdout
    assert "broken_of_list_sfj.py: agency broken_of_list_sfj cannot be loaded: SyntaxError" in done.stderr


# --- the file ---


def test_agency_text_is_a_declaration(tmp_path: Path) -> None:
    """The file declares what it was given, addresses of the site as paths, others whole, browser channels by name."""
    text = agency_text(
        name="x_sfj",
        title="云岭市司法局",
        template=find_template("trt"),
        base_url="http://x.test",
        channels={'公"告': "http://x.test/a/?b=1#2", "外站": "http://y.test/c/"},
        browser_channels=["外站"],
    )
    path = tmp_path / "x_sfj.py"
    path.write_text(text, "utf-8")
    space: dict[str, object] = {"__name__": "x_sfj"}
    exec(compile(text, str(path), "exec"), space)  # noqa: S102 - the program's own text
    cls = space["x_sfj"]
    assert isinstance(cls, type)
    assert vars(cls)["channels"] == {'公"告': "/a/?b=1#2", "外站": "http://y.test/c/"}
    assert vars(cls)["browser_channels"] == ("外站",)
    assert counted_lines(text) == 9
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), str(path)],
        capture_output=True,
        check=False,
    )
    assert formatted.returncode == 0, formatted.stderr


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://sfj.panjin.gov.cn", "panjin_sfj"),
        ("https://www.haicang.gov.cn", "haicang_gov"),
        ("http://zyjy.as.yl.example.cn:8080", "yl_as_zyjy"),
        ("http://127.0.0.1", "agency_gov"),
        ("http://www.12345.gov.cn", "agency_gov"),
    ],
)
def test_suggested_names(url: str, name: str) -> None:
    """A name is made of the host's labels, place before bureau."""
    assert suggest_name(url) == name
