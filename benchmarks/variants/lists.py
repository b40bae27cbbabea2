"""How the site's lists are followed without a template: first page as HTML, the rest from the search endpoint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scrapy import FormRequest, Request

from benchmarks.site import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from scrapy.http import TextResponse

ROW = '//div[starts-with(@ms-visible, "$showStatic")]//li/a/@href'


def ask_lists(base_url: str, read_list: Callable[..., Any]) -> Iterator[Request]:
    """Yield the requests for the first page of every channel."""
    for code in CHANNELS:
        yield Request(f"{base_url}/zwgk/{code}/", callback=read_list, cb_kwargs={"base_url": base_url})


def follow_list(
    response: TextResponse, base_url: str, read_list: Callable[..., Any], read_document: Callable[..., Any]
) -> Iterator[Request]:
    """Yield the requests for the documents of a list page and for the list page after it."""
    if response.headers.get("Content-Type", b"").startswith(b"application/json"):  # type: ignore[union-attr]
        answer = response.json()
        for row in answer["data"]:
            yield Request(base_url + "/" + row["chnldocurl"].split("/", 3)[3], callback=read_document)
        form, number, pages = response.meta["form"], answer["page"], answer["pageCount"]
    else:
        for href in response.xpath(ROW).getall():
            yield Request(response.urljoin(href), callback=read_document)
        found = {
            name: int(number)
            for name, number in re.findall(r'"(chnlId|prepage|staticPages|pageCount)": (\d+)', response.text)
        }
        form = {
            "channelid": "229105",
            "classsql": f"chnlid={found['chnlId']}",
            "sortfield": "-docorderpri,-docreltime",
            "classcol": "publishyear",
            "classnum": "100",
            "classsort": "0",
            "cache": "true",
            "prepage": str(found["prepage"]),
        }
        number, pages = found["staticPages"], found["pageCount"]
    if number < pages:
        form = {**form, "page": str(number + 1)}
        yield FormRequest(
            f"{base_url}/fjdzapp/search",
            formdata=form,
            callback=read_list,
            meta={"form": form},
            cb_kwargs={"base_url": base_url},
        )
