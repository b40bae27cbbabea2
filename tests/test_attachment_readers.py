"""Every format is read: its text and tables, told by its content and not by its name."""

from __future__ import annotations

import pytest
from attachment_files import gbk_named, ofd, paragraph, part, saved, scan, word, zipped
from hypothesis import given
from hypothesis import strategies as st

from govcrawl.attachment_readers import sniff
from govcrawl.attachment_readers.numbers import chinese, roman
from govcrawl.attachment_readers.read import read_bytes
from govcrawl.demo.files import docx, pdf, png, xlsx

NOTICE = [
    "云岭市司法局文件",
    "云司发〔2024〕12号",
    "关于印发《法律援助办法》的通知",
    "各县（市、区）司法局：",
    "现将《办法》印发给你们，请认真贯彻执行。",
]
TABLE = (
    ("类别", "项目", "数量"),
    ("依申请公开", "予以公开\n部分公开", "128"),
    ("依申请公开", "不予公开", ""),
    ("合计", "合计", "140"),
)
SHEET = (
    ("2024年度统计表", "2024年度统计表", "单位"),
    ("申请", "数量", "1234.5"),
    ("申请", "比例", "0.25"),
    ("日期", "2024-03-05", "是"),
)


@pytest.mark.parametrize(
    ("name", "media_type", "label"),
    [
        ("notice.doc", sniff.DOC, ""),
        ("notice.docx", sniff.DOCX, "1."),
        ("notice.odt", sniff.ODT, ""),
        ("notice.rtf", sniff.RTF, " 1.\t"),
    ],
)
def test_a_word_processors_file_gives_paragraphs_and_tables_in_order(name: str, media_type: str, label: str) -> None:
    """Paragraphs, the table's rows and the link's text stand where they stood; merged cells are resolved."""
    found = read_bytes(saved(name))
    assert (found.media_type, found.status, found.flags) == (media_type, "text", set())
    lines = (found.text or "").split("\n")
    assert lines[:5] == NOTICE
    assert lines[5] == "类别\t项目\t数量"
    assert lines[6].endswith("\t予以公开 部分公开\t128")
    assert lines[9:12] == ["附件：登记表", "特此通知。链接文字", f"{label}第一项内容"]
    assert found.tables == [TABLE]


def test_a_pdf_gives_its_lines_and_its_ruled_table() -> None:
    """The text comes page by page, the table with its merged cells resolved."""
    found = read_bytes(saved("notice.pdf"))
    assert (found.media_type, found.status, found.pages) == (sniff.PDF, "text", 1)
    text = (found.text or "").replace(" ", "")
    assert all(line in text for line in NOTICE)
    assert found.tables == [TABLE]


def test_a_pdf_without_unicode_maps_is_read() -> None:
    """Official documents use predefined encodings (UniGB-UCS2-H) and embed no font."""
    found = read_bytes(pdf(["云岭市司法局关于印发办法的通知", "各科室：请认真贯彻执行本办法。"]))
    assert found.text == "云岭市司法局关于印发办法的通知\n各科室：请认真贯彻执行本办法。"


def test_a_short_pdf_is_no_scan_and_a_scan_is_told() -> None:
    """Few characters without any picture are all there is; a picture with hardly a character needs OCR."""
    assert read_bytes(pdf(["见附图"])).status == "text"
    found = read_bytes(scan(3))
    assert (found.status, found.pages, found.text) == ("needs_ocr", 3, None)
    assert "3 pages" in (found.reason or "")


@pytest.mark.parametrize(
    ("name", "media_type"), [("sheet.xlsx", sniff.XLSX), ("sheet.xls", sniff.XLS), ("sheet.ods", sniff.ODS)]
)
def test_a_workbook_gives_its_sheets_as_tables(name: str, media_type: str) -> None:
    """Numbers and dates are printed plainly; a merged cell stands where it covers."""
    found = read_bytes(saved(name))
    assert (found.media_type, found.status) == (media_type, "text")
    lines = (found.text or "").split("\n")
    assert lines[0] == "Sheet1"
    assert lines[2] == "申请\t数量\t1234.5"
    if media_type == sniff.ODS:  # its reader does not tell which cells are merged
        assert found.tables[0][1] == SHEET[1]
    else:
        assert found.tables == [SHEET]


def test_a_sheet_that_begins_far_from_the_corner_loses_nothing() -> None:
    """Empty rows and columns are left out, not the text in them."""
    found = read_bytes(xlsx([["", "", ""], ["", "项目", 3.0], ["", "", ""], ["", "合计", 2.5]]))
    assert found.tables == [(("项目", "3"), ("合计", "2.5"))]


def test_spreadsheet_xml_is_read() -> None:
    """Excel 2003's XML, which exports under the name of .xls, is a workbook."""
    found = read_bytes(saved("sheet.xml"))
    assert found.media_type == sniff.EXCEL_XML
    assert "申请\t数量\t1234.5" in (found.text or "")


@pytest.mark.parametrize("name", ["slides.pptx", "slides.ppt.gz", "slides.odp"])
def test_slides_are_read_in_order(name: str) -> None:
    """Titles, bullet points and tables come in the order of the slides."""
    found = read_bytes(saved(name))
    assert found.status == "text"
    words = (found.text or "").split()
    assert words[-9:] == [
        "政策解读培训",
        "第一讲",
        "立法背景",
        "第二讲",
        "申请条件",
        "时间",
        "地点",
        "3月5日",
        "一号楼",
    ]
    if name != "slides.ppt.gz":  # the old format keeps no rows
        assert found.tables == [(("时间", "地点"), ("3月5日", "一号楼"))]


def test_ofd_text_is_sorted_by_its_boundaries() -> None:
    """Objects of one line are joined from left to right, lines from top to bottom, whatever the order in the file."""
    found = read_bytes(
        ofd([(40, 30.2, "印发办法"), (20, 50, "各科室："), (20, 30, "关于　　　"), (120, 50.3, "二〇二四年")])
    )
    assert (found.media_type, found.status, found.pages) == (sniff.OFD, "text", 1)
    assert found.text == "关于　　　印发办法\n各科室： 二〇二四年"


def test_ofd_scans_and_encrypted_ones_are_told() -> None:
    """A page that is one picture needs OCR; an encrypted package is no damage."""
    assert read_bytes(ofd(image_pages=2)).status == "needs_ocr"
    assert read_bytes(ofd([(1, 1, "密")], Encryptions="<x/>")).status == "encrypted"


# Word in detail


def test_text_in_content_controls_text_boxes_and_insertions_is_read_and_deleted_text_is_not() -> None:
    """What a reader sees is read once: no field codes, no deletions, no second copy for old programs."""
    body = (
        f"<w:sdt><w:sdtContent>{paragraph('控件内')}</w:sdtContent></w:sdt>"
        "<w:p><w:r><w:t>前</w:t></w:r><w:ins><w:r><w:t>增</w:t></w:r></w:ins><w:del><w:r><w:delText>删</w:delText></w:r></w:del>"
        "<w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
        "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent>"
        + paragraph("框内")
        + "</w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent>"
        + paragraph("框内")
        + "</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert (read_bytes(word(body)).text or "").split() == ["控件内", "前增", "框内"]


def test_automatic_numbers_are_printed() -> None:
    """第一条 and （一） that Word counts by itself are part of the text, restarted at each higher level."""
    levels = (
        '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="第%1条　"/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="（%2）"/></w:lvl>'
    )
    numbering = part(
        "numbering",
        f'<w:abstractNum w:abstractNumId="5">{levels}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="5"/></w:num>',
    )
    styles = part(
        "styles", '<w:style w:styleId="tiao"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    )
    article = '<w:pStyle w:val="tiao"/>'
    item = '<w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr>'
    body = "".join(
        paragraph(text, properties)
        for text, properties in (
            ("总则", article),
            ("甲", item),
            ("乙", item),
            ("附则", article),
            ("丙", item),
            ("尾", ""),
        )
    )
    text = read_bytes(word(body, numbering=numbering, styles=styles)).text
    assert text == "第一条　总则\n（一）甲\n（二）乙\n第二条　附则\n（一）丙\n尾"


def test_footnotes_stand_at_the_end() -> None:
    """Foot notes are read, their separators are not."""
    notes = part(
        "footnotes",
        f'<w:footnote w:type="separator">{paragraph("—")}</w:footnote><w:footnote>{paragraph("注释")}</w:footnote>',
    )
    assert read_bytes(word(paragraph("正文"), footnotes=notes)).text == "正文\n注释"


@given(st.integers(1, 9999))
def test_numerals_are_unambiguous(number: int) -> None:
    """No two numbers are printed alike by their neighbours, and Roman ones use only Roman digits."""
    assert chinese(number) != chinese(number - 1)
    assert set(roman(number)) <= set("IVXLCDM")


def test_some_numerals() -> None:
    """Numbers are counted in Chinese as people write them."""
    assert [chinese(n) for n in (1, 10, 11, 20, 21, 105, 110, 1001)] == [
        "一",
        "十",
        "十一",
        "二十",
        "二十一",
        "一百〇五",
        "一百一十",
        "一千〇一",
    ]
    assert [roman(n) for n in (4, 9, 14, 2024)] == ["IV", "IX", "XIV", "MMXXIV"]


def test_rtf_text_follows_the_character_set_of_its_font() -> None:
    """8-bit text of a font of character set 134 is GBK; Unicode text skips what stands for it."""
    gbk = "".join(f"\\'{byte:02x}" for byte in "公告".encode("gbk"))
    data = (
        r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Times;}{\f1\fcharset134 \'cb\'ce\'cc\'e5;}}"
        r"{\*\generator x;}{\info{\title 不是正文}}\f1 " + gbk + r"\f0  A\u22269?\par \uc0\u8364 B}"
    )
    assert read_bytes(data.encode("gbk")).text == "公告 A国\n€B"


# Text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_plain_text_is_decoded_as_pages_are(encoding: str) -> None:
    """A text file in any of the usual encodings gives the same text."""
    found = read_bytes("关于清明节放假的通知\r\n各科室：".encode(encoding))
    assert (found.media_type, found.text) == (sniff.TEXT, "关于清明节放假的通知\n各科室：")


def test_delimited_text_is_a_table() -> None:
    """Commas or tabs in every line make columns; the text stays as it is."""
    found = read_bytes('序号,名称\r\n1,"甲,乙"\r\n2,丙\r\n'.encode("gb18030"))
    assert found.media_type == sniff.CSV
    assert found.tables == [(("序号", "名称"), ("1", "甲,乙"), ("2", "丙"))]


@pytest.mark.parametrize("head", ["<html><body>", "<!DOCTYPE html><html><body>", "<table><tr><td>x</td></tr></table>"])
def test_html_under_the_name_of_a_word_file_is_read_as_html(head: str) -> None:
    """Many .doc are pages: what they are is told by their content."""
    page = (
        f"{head}<p>关于放假的通知</p><table><tr><td>日期</td><td>星期</td></tr><tr><td>1日</td><td>一</td></tr></table>"
    )
    found = read_bytes(page.encode("gb18030"))
    assert found.media_type == sniff.HTML
    assert "关于放假的通知" in (found.text or "")
    assert (("日期", "星期"), ("1日", "一")) in found.tables


def test_a_page_saved_as_one_mime_file_is_read() -> None:
    """Word saves pages as MHTML under the name of .doc."""
    data = (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html; '
        b'charset="gb2312"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<html><p>=B9=AB=B8=E6</p></html>\r\n--b--\r\n'
    )
    found = read_bytes(data)
    assert (found.media_type, found.text) == (sniff.MHTML, "公告")


# Archives and what has no text


def test_an_archive_gives_each_member_with_its_text() -> None:
    """Members are listed with name, size, type and text; an archive inside is listed only."""
    notice = docx(["关于放假的通知"])
    found = read_bytes(zipped({"公告/通知.docx": notice, "内.zip": zipped({"a.txt": "x"}), "图.png": png(2, 2, (1,))}))
    assert (found.media_type, found.status) == (sniff.ZIP, "text")
    first, inner, image = found.members
    assert first == {
        "name": "公告/通知.docx",
        "bytes": len(notice),
        "media_type": sniff.DOCX,
        "status": "text",
        "reason": None,
        "pages": None,
        "text": "关于放假的通知",
        "tables": [0, 0],
    }
    assert (inner["status"], inner["text"]) == ("unsupported", None)
    assert image["status"] == "image"
    assert found.text == "公告/通知.docx\n关于放假的通知\n\n内.zip\n图.png"


def test_names_in_gbk_are_decoded() -> None:
    """Archivers on Chinese Windows write GBK names without saying so."""
    found = read_bytes(gbk_named({"附件一：申请表.txt": "姓名".encode()}))
    assert [member["name"] for member in found.members] == ["附件一：申请表.txt"]


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"", "empty", "no bytes"),
        (b"Rar!\x1a\x07\x01\x00rest", "unsupported", "RAR"),
        (b"7z\xbc\xaf\x27\x1crest", "unsupported", "7z"),
        (b"\x00\x01\x02\x03" * 50, "unsupported", "octet-stream"),
        (b"%PDF-1.4 invented", "broken", "damaged PDF"),
        (b"PK\x03\x04 first", "broken", "ZIP"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "broken", "damaged OLE"),
        (saved("notice.doc")[:4000], "broken", "damaged OLE"),
        (saved("encrypted.pdf"), "encrypted", "password"),
        (docx([]), "empty", "no text"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, status: str, said: str) -> None:
    """Every reason is a status for counting and a sentence for people."""
    found = read_bytes(data)
    assert found.status == status
    assert said in (found.reason or "")


def test_an_image_has_no_text_and_that_is_no_error() -> None:
    """A picture offered as attachment is what it is."""
    found = read_bytes(png(3, 3, (50,)))
    assert (found.media_type, found.status, found.reason, found.text) == ("image/png", "image", None, None)


def test_an_encrypted_word_file_is_told() -> None:
    """The flag of the file's head says it."""
    data = bytearray(saved("notice.doc"))
    head = data.index(b"\xec\xa5")
    data[head + 0x0B] |= 0x01
    assert read_bytes(bytes(data)).status == "encrypted"
