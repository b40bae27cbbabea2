"""Fields of a document with where each was read."""

from __future__ import annotations

import pytest

from govcrawl.decode import Page
from govcrawl.extract import extract
from govcrawl.metas import read_site_code

URL = "http://sfj.yunling.test/zwgk/gsgg/202403/t20240305_12.htm"
BODY = "<p>　　现将《云岭市公证服务办法》印发给你们，请认真贯彻执行，执行中的问题请及时反馈。</p><p>　　本办法自2024年5月1日起施行，有效期至2029年4月30日。</p>"
METAS = (
    '<meta name="ArticleTitle" content="关于印发办法的通知"><meta name="SiteName" content="云岭市司法局">'
    '<meta name="SiteIDCode" content="3502000099"><meta name="Keywords" content="公证;服务"><meta name="Author" content="超级管理员">'
)


def page_of(markup: str, head: str = "") -> Page:
    """Return a page with this body."""
    return Page(url=URL, body=f"<html><head>{head}</head><body>{markup}</body></html>".encode())


def test_every_field_says_where_it_was_read() -> None:
    """Label, index, meta tag and text are told apart, field by field; an account of the CMS is no author."""
    document = extract(
        page_of(
            "<div class=wrap><div>来源：云岭市司法局　发布时间：2024-03-05　责任编辑：李四</div>"
            "<table><tr><td>索引号</td><td>A-1</td></tr><tr><td>体裁</td><td>通知</td></tr><tr><td>发布机构</td><td>云岭市司法局</td></tr>"
            f"<tr><td>有效性</td><td>有效</td></tr></table><div id=zoom>{BODY}</div></div>",
            METAS,
        )
    )
    assert dict(document.origins) == {
        "title": "meta",
        "source": "label",
        "publish_date": "label",
        "editor": "label",
        "index_number": "index",
        "genre": "index",
        "publisher": "index",
        "validity": "index",
        "keywords": "meta",
        "site_id_code": "meta",
        "effective_date": "text",
        "expiry_date": "text",
    }
    assert (document.genre, document.editor, document.author) == ("通知", "李四", None)
    assert (document.keywords, document.site_id_code) == ("公证;服务", "3502000099")
    assert (document.effective_date, document.expiry_date, document.validity) == ("2024-05-01", "2029-04-30", "有效")


def test_the_editor_in_the_closing_line() -> None:
    """责任编辑 at the end of the body is cut off the text and kept as editor; an account is nobody."""
    for name, editor in (("张三", "张三"), ("超级管理员", None), ("admin", None), ("xxzx01", None)):
        document = extract(page_of(f"<div id=zoom>{BODY}<p>（责任编辑：{name}）</p></div>", METAS))
        assert (document.editor, document.origins.get("editor")) == (editor, "text" if editor else None)
        assert "责任编辑" not in (document.text or "")


def test_keywords_of_the_column_are_none_of_the_document() -> None:
    """Meta keywords that name the site or the column are left out."""
    head = METAS.replace("公证;服务", "云岭市司法局,通知公告")
    assert extract(page_of(f"<div id=zoom>{BODY}</div>", head)).keywords is None


@pytest.mark.parametrize(
    ("markup", "code"),
    [
        ("<p>网站标识码：3502000099</p>", "3502000099"),
        ("政府网站标识码 <a href='#'>bm12000001</a>", "bm12000001"),
        ("<script src='//x.test/jiucuo.js?sitecode=3502000099'></script>", "3502000099"),
        ("网站标识码：350200009", None),
        ("网站标识码：3502000099 网站标识码：3502000098", None),
        ("", None),
    ],
)
def test_site_code(markup: str, code: str | None) -> None:
    """The footer's code is read in its usual forms; one of another length, or two different ones, are none."""
    assert read_site_code(markup) == code


def test_a_validity_that_is_a_day_is_the_expiry_date_too() -> None:
    """有效期：至2029年4月30日 in the index is kept as printed and read as the last day."""
    index = "<table><tr><td>索引号</td><td>A-1</td></tr><tr><td>发布机构</td><td>云岭市司法局</td></tr><tr><td>有效期</td><td>至2030年1月31日</td></tr></table>"
    document = extract(page_of(f"<div class=wrap>{index}<div id=zoom><p>正文一段，没有日期。</p></div></div>", METAS))
    assert (document.validity, document.expiry_date) == ("至2030年1月31日", "2030-01-31")
    assert document.origins["expiry_date"] == "index"
