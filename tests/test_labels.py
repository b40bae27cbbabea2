"""Printed labels, index tables and meta tags."""

from __future__ import annotations

from typing import Any

import pytest

from govcrawl.decode import Page
from govcrawl.index_box import find_index, read_index
from govcrawl.labels import INDEX_LABELS, normal_label, read_line, read_value, split_labels
from govcrawl.metas import read_metas


def root_of(markup: str) -> Any:
    """Parse a fragment as a page."""
    return Page(url="http://www.yunling.test/a.htm", body=markup.encode()).root


@pytest.mark.parametrize(
    "label",
    [
        "索引号",
        "索 引 号：",
        "索\u2002引\u2002号:",
        "索\u3000引\u3000号",
        "索\u00a0引\u00a0号 ：",
        "【索引号】",
        "索引號﹕",
    ],
)
def test_one_label_in_many_forms(label: str) -> None:
    """Blanks of any kind inside, either colon, brackets and traditional characters make no other label."""
    assert normal_label(label) == "索引号"


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("日期:2019-12-20 字体大小:[ ]", {"publish_date": "2019-12-20"}),
        ("发表日期:2022-03-15 15:49 字体显示:", {"publish_date": "2022-03-15 15:49"}),
        ("时间：2024-03-05 09:30 浏览量：1024", {"publish_date": "2024-03-05 09:30"}),
        (
            "来源:云岭区政府办 时间:2019-12-20 10:00 浏览次数：3",
            {"source": "云岭区政府办", "publish_date": "2019-12-20 10:00"},
        ),
        (
            "信息来源：市司法局\u3000发 布 时 间：2024-03-05【字体：大 中 小】",
            {"source": "市司法局", "publish_date": "2024-03-05"},
        ),
        ("來源：雲嶺市司法局 發佈時間：2024-03-05", {"source": "雲嶺市司法局", "publish_date": "2024-03-05"}),
        ("稿源：云岭日报 作者：某某 责任编辑：某某", {"source": "云岭日报", "author": "某某", "editor": "某某"}),
        ("来源：云岭市司法局发布时间：2024-03-05", {"source": "云岭市司法局", "publish_date": "2024-03-05"}),
        ("来源：无 时间：2024-03-05", {"publish_date": "2024-03-05"}),
        ("来源： 时间：", {}),
        ("资金来源：财政拨款", {}),
        ("没有标签的一行", {}),
    ],
)
def test_lines(line: str, fields: dict[str, str]) -> None:
    """Values run to the next label; 无 and nothing are left out; a longer word that ends like a label is none."""
    assert split_labels(line) == fields


def test_line_elements_and_scripts() -> None:
    """Labels are read across elements; what a script writes or a comment says is not."""
    root = root_of(
        "<div><span>时间：2024-03-05 09:30</span><span>浏览量：7</span>"
        "<!-- <span>来源：别处</span> --><script>document.write('来源：脚本')</script></div>"
    )
    assert read_line([root]) == {"publish_date": "2024-03-05 09:30"}


VALUES = {
    "index_number": "YL00113-12-01-2024-003",
    "publisher": "云岭市司法局",
    "document_number": "云司〔2024〕9号",
    "written_date": "2024-03-01",
}


@pytest.mark.parametrize(
    "markup",
    [
        """<div class="index_box"><ul class="trt-row"><li>索&ensp;引&ensp;号：<font>YL00113-12-01-2024-003</font></li>
        <li>主题分类：<font>无</font></li><li>发文机关：<font>云岭市司法局</font></li><li>成文日期：<font>2024-03-01</font></li>
        <li>发文字号：<font>云司〔2024〕9号</font></li></ul></div>""",
        """<table><tr><td>索引号：</td><td>YL00113-12-01-2024-003</td><td>主题分类：</td><td>无</td></tr>
        <tr><td>发布机构：</td><td>云岭市司法局</td><td>生成日期：</td><td>2024-03-01</td></tr><tr><th>文号</th><td>云司〔2024〕9号</td></tr></table>""",
        """<table><tr><td><b>索　引　号：</b></td><td>YL00113-12-01-2024-003</td></tr><tr><td><b>发文机关：</b></td><td>云岭市司法局</td></tr>
        <tr><td><b>成文日期：</b></td><td>2024-03-01</td></tr><tr><td><b>发文字号：</b></td><td>云司〔2024〕9号</td></tr></table>""",
        """<div class="head"><p><strong>索引号：</strong>YL00113-12-01-2024-003</p><p><strong>发布机构：</strong>云岭市司法局</p>
        <p><strong>生成日期：</strong>2024-03-01</p><p><strong>文号：</strong>云司〔2024〕9号</p><!-- <p><strong>主题分类：</strong>公证</p> --></div>""",
        """<dl><dt>索引号</dt><dd>YL00113-12-01-2024-003</dd><dt>发布机构</dt><dd>云岭市司法局</dd><dt>成文日期</dt><dd>2024-03-01</dd>
        <dt>文号</dt><dd>云司〔2024〕9号</dd></dl>""",
        """<div class="sub"><ul><li>索引号：YL00113-12-01-2024-003</li><li>发布机构：云岭市司法局</li><li>成文日期：2024-03-01</li>
        <li>文号：云司〔2024〕9号</li></ul></div>""",
    ],
    ids=["box", "table", "bold", "strong", "dl", "li"],
)
def test_index_structures(markup: str) -> None:
    """Every structure in which the index is printed is found and read alike; 无 and comments give nothing."""
    blocks = find_index(root_of(f"<div><div class=wrap>{markup}</div><p>正文从这里开始，与索引无关。</p></div>"))
    assert len(blocks) == 1
    assert read_index(blocks) == VALUES


def test_index_printed_twice() -> None:
    """Copies for wide and narrow screens give each value once."""
    table = "<table><tr><td>索引号</td><td>A-1</td></tr><tr><td>发布机构</td><td>云岭市司法局</td></tr><tr><td>文号</td><td>云司〔2024〕9号</td></tr></table>"
    assert read_index(find_index(root_of(f"<div>{table}<p>正文</p>{table}</div>")))["index_number"] == "A-1"


def test_catalogue_of_documents_is_no_index() -> None:
    """A table of the body whose header names the same fields stays in the body."""
    rows = "".join(
        f"<tr><td>{n}</td><td>云岭市某办法</td><td>云司〔202{n}〕9号</td><td>202{n}-01-05</td><td>有效</td></tr>"
        for n in range(5)
    )
    table = f"<table><tr><td>序号</td><td>文件名称</td><td>文号</td><td>成文日期</td><td>有效性</td></tr>{rows}</table>"
    assert find_index(root_of(f"<div>{table}</div>")) == []


def test_index_never_swallows_the_body() -> None:
    """A layout table around index and body is not taken for the index; the one inside is."""
    index = "<table id=i><tr><td>索引号</td><td>A-1</td></tr><tr><td>发布机构</td><td>云岭市司法局</td></tr><tr><td>文号</td><td>云司〔2024〕9号</td></tr></table>"
    root = root_of(f"<div><table><tr><td>{index}<p>{'正文的一句话。' * 30}</p></td></tr></table></div>")
    assert [block.get("id") for block in find_index(root)] == ["i"]


def test_index_labels_in_a_line() -> None:
    """发文日期 is the day of writing in an index and the day of publication beside the title."""
    assert split_labels("发文日期：2024-03-01", INDEX_LABELS) == {"written_date": "2024-03-01"}
    assert split_labels("发文日期：2024-03-01") == {"publish_date": "2024-03-01"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("无", None),
        (" \u3000 ", None),
        (None, None),
        ("--", None),
        (" 云岭市\n 司法局 A\nB ", "云岭市司法局 A B"),
        ("无锡市", "无锡市"),
    ],
)
def test_values(text: str | None, value: str | None) -> None:
    """A value without content is None; 无 as part of a name is content."""
    assert read_value(text) == value


def test_metas() -> None:
    """Names in any case, content before name, repeated and empty tags, tags inside values, what templates leave unfilled."""
    root = root_of(
        "<head><meta name=SiteName content='网站名称'><meta content='2024-03-05 09:30:25' NAME=pubdate>"
        "<meta name=ArticleTitle content=''><meta name=ArticleTitle content='&lt;div&gt;——云岭市通知&lt;/div&gt;'>"
        "<meta name=contentSource content='云岭市司法局'><meta name=Author content='超级管理员'><meta name=DocId content='2301'>"
        "<meta name=viewport content='width=1'></head>"
    )
    assert read_metas(root) == {
        "publish_date": "2024-03-05 09:30:25",
        "title": "——云岭市通知",
        "source": "云岭市司法局",
        "key": "2301",
    }
