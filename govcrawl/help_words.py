"""The words that click itself puts into help texts and mistakes, in Chinese where the user interface is."""

from __future__ import annotations

import gettext
from typing import TYPE_CHECKING

import click.core
import click.decorators
import click.exceptions
import click.formatting
import click.parser
import click.types

from govcrawl.speech import language

if TYPE_CHECKING:
    from types import ModuleType

_MODULES: tuple[ModuleType, ...] = (
    click.core,
    click.decorators,
    click.exceptions,
    click.formatting,
    click.parser,
    click.types,
)

CHINESE = {
    "Aborted!": "已中断。",
    "Choose from:\n\t{choices}": "可选：\n\t{choices}",
    "Commands": "命令",
    "Did you mean {possibility}?": "是否指 {possibility}？",
    "Error: {message}": "错误：{message}",
    "Got unexpected extra argument ({args})": "多余的参数（{args}）",
    "Invalid value for {param_hint}: {message}": "{param_hint} 的值不对：{message}",
    "Invalid value: {message}": "值不对：{message}",
    "Missing argument": "缺少参数",
    "Missing command.": "缺少命令。",
    "Missing option": "缺少选项",
    "No such command {name!r}.": "没有命令 {name!r}。",
    "No such option {name!r}.": "没有选项 {name!r}。",
    "Option {name!r} does not take a value.": "选项 {name!r} 不带值。",
    "Option {name!r} requires an argument.": "选项 {name!r} 要带一个值。",
    "Options": "选项",
    "Show the version and exit.": "显示版本。",
    "Show this message and exit.": "显示这段说明。",
    "Try '{command} {option}' for help.": "用法见 '{command} {option}'。",
    "Usage:": "用法：",
    "default: {default}": "默认：{default}",
    "env var: {var}": "环境变量：{var}",
    "required": "必填",
    "{name} {filename!r} does not exist.": "{name} {filename!r} 不存在。",
    "{name} {filename!r} is a directory.": "{name} {filename!r} 是目录。",
    "{name} {filename!r} is a file.": "{name} {filename!r} 是文件。",
    "{name} {filename!r} is not readable.": "{name} {filename!r} 不可读。",
    "{value!r} does not match the format {format}.": "{value!r} 不合格式 {format}。",
    "{value!r} is not a valid {number_type}.": "{value!r} 不是有效的 {number_type}。",
    "{value!r} is not {choice}.": "{value!r} 不是 {choice}。",
    "{value!r} is not one of {choices}.": "{value!r} 不在可选之列：{choices}。",
    "{value} is not in the range {range}.": "{value} 不在 {range} 之内。",
}
"""By click's English; what is not here stays English."""


def translate(message: str) -> str:
    """One of click's messages in the language of the user interface."""
    return CHINESE.get(message, message) if language() == "zh" else gettext.gettext(message)


def translate_plural(one: str, many: str, count: int) -> str:
    """One of click's messages with a count; Chinese has one form for all."""
    if language() == "zh" and (chinese := CHINESE.get(many) or CHINESE.get(one)):
        return chinese
    return gettext.ngettext(one, many, count)


def install() -> None:
    """Have click ask here. It knows gettext's catalogs only, which follow the locale and not ``GOVCRAWL_LANG``."""
    for module in _MODULES:
        names = vars(module)
        if "_" in names:
            names["_"] = translate
        if "ngettext" in names:
            names["ngettext"] = translate_plural
