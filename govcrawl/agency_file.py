"""An agency's file: attributes only, at most twelve lines besides the channels; and where such files lie."""

from __future__ import annotations

import json
import keyword
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from govcrawl.errors import UsageMistake
from govcrawl.loader import own_folder
from govcrawl.look import LOOK_NAME
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy.settings import BaseSettings

    from govcrawl.loader import AgencyLoader

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_GENERAL = frozenset({"www", "gov", "com", "edu", "org", "net", "cn", "zwgk", "xxgk", "test", "example"})


class Places(NamedTuple):
    """Where a new agency goes."""

    spiders: Path  # folder of agency files
    pages: Path  # root of saved-page cases


def places(settings: BaseSettings) -> Places:
    """Return where a new agency's file and its saved pages go: the folder GOVCRAWL_SPIDERS, else the checkout.

    Raises:
        UsageMistake: there is no such folder, or the project is installed and not checked out.
    """
    own = own_folder(settings)
    if own is not None:
        return Places(own, own / "pages")
    spec = find_spec("spiders")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(location).parent / "pyproject.toml").is_file():
            return Places(Path(location), Path(location).parent / "tests" / "pages")
    example = "mkdir my-agencies && export GOVCRAWL_SPIDERS=$PWD/my-agencies"
    raise UsageMistake(
        say(
            f"govcrawl 是安装的而不是检出的源码：请建一个放自己机构的目录，并用 GOVCRAWL_SPIDERS 指明，例如 {example}",
            f"this govcrawl is installed, not checked out: make a folder for agencies of your own and name it in GOVCRAWL_SPIDERS, "
            f"e.g. {example}",
        )
    )


def check_name(name: str, loader: AgencyLoader) -> None:
    """Check the name of a new agency.

    Raises:
        UsageMistake: it cannot be one, or is taken.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise UsageMistake(
            say(
                f"--name {name!r} 不能作机构短名：应以小写字母开头，只含小写字母、数字和 _，例如 xiamen_sfj",
                f"--name {name!r} cannot be an agency's name; expected lower-case letters, digits and _, beginning with a letter, "
                "e.g. xiamen_sfj",
            )
        )
    if name in loader.list():
        path = loader.place(name).path
        raise UsageMistake(
            say(
                f"--name {name!r} 已被占用：{path}；请另取一个名字，或直接修改那个文件",
                f"--name {name!r} is taken: {path}; choose another name, or edit that file",
            )
        )
    if name in {LOOK_NAME, "templates", "spiders"} or name in sys.stdlib_module_names or name in sys.modules:
        raise UsageMistake(
            say(
                f"--name {name!r} 与一个程序模块同名，请另取一个，例如 {name}_gov",
                f"--name {name!r} is taken by a module of that name; choose another, e.g. {name}_gov",
            )
        )


def check_title(title: str) -> None:
    """Check an agency's official name.

    Raises:
        UsageMistake: it is not Chinese.
    """
    if not _CHINESE.search(title) or '"' in title or "\\" in title or "\n" in title:
        raise UsageMistake(
            say(
                f"--agency {title!r}：应为官方中文全称，例如 厦门市司法局",
                f"--agency {title!r}: expected the official Chinese name in full, e.g. 厦门市司法局",
            )
        )


def suggest_name(base_url: str) -> str:
    """Return a name for the agency of a site, made of its host name: ``sfj.panjin.gov.cn`` → ``panjin_sfj``."""
    labels = [re.sub(r"[^a-z0-9]", "", label) for label in (urlsplit(base_url).hostname or "").split(".")]
    parts = [label for label in labels if label and label not in _GENERAL and not label.isdecimal()]
    name = "_".join(reversed(parts)) or "agency"
    return name if _NAME.fullmatch(name) and "_" in name else f"{name.lstrip('0123456789_') or 'agency'}_gov"


def agency_text(
    *,
    name: str,
    title: str,
    template: Any,
    base_url: str,
    channels: Mapping[str, str],
    browser_channels: Sequence[str] = (),
) -> str:
    """Return the text of an agency's file.

    Args:
        name: of file, class and agency.
        title: the official name in full.
        template: the class of its site template.
        base_url: scheme and host.
        channels: printed name → absolute seed URL.
        browser_channels: those whose list a plain client cannot read.
    """
    lines = [
        f'"""{title}."""',
        "",
        f"from {template.__module__} import {template.__name__}",
        "",
        "",
        f"class {name}({template.__name__}):",
        f'    """{title}."""',
        "",
        f"    name = {_quoted(name)}",
        f"    agency = {_quoted(title)}",
        f"    base_url = {_quoted(base_url)}",
        "    channels = {",
        *(f"        {_quoted(channel)}: {_quoted(_below(base_url, url))}," for channel, url in channels.items()),
        "    }",
    ]
    if browser_channels:
        listed = ", ".join(_quoted(channel) for channel in browser_channels)
        lines.append(f"    browser_channels = ({listed}{',' if len(browser_channels) == 1 else ''})")
    return "\n".join(lines) + "\n"


def counted_lines(text: str) -> int:
    """Return how many lines an agency's file has besides blank ones and the channels."""
    inside = False
    count = 0
    for line in text.splitlines():
        inside = inside and line.strip() != "}"
        count += bool(line.strip()) and not inside and line.strip() != "}"
        inside = inside or line.strip() == "channels = {"
    return count


def _below(base_url: str, url: str) -> str:
    """Return an address as a path of the site where it is one."""
    base, parts = urlsplit(base_url), urlsplit(url)
    if (parts.scheme, parts.netloc) != (base.scheme, base.netloc):
        return url
    return urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment))


def _quoted(text: str) -> str:
    """Return a string literal as the formatter writes it."""
    return f"'{text}'" if '"' in text and not set("'\\\n") & set(text) else json.dumps(text, ensure_ascii=False)
