"""``govcrawl open ID``: the archived page of a document, in a browser, without its scripts and without network."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from govcrawl.cli import data_option, open_catalog
from govcrawl.cli.show import find_document
from govcrawl.errors import UsageMistake
from govcrawl.exhibit import read_exhibit
from govcrawl.replay_server import ReplayServer
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    "open",
    help=say(
        "在浏览器中查看一份公开文件的存档页面(只在本机,脚本关闭);ID 可以是编号或网址。按 Ctrl-C 结束。",
        "Look at the archived page of a document in a browser: on this machine only, scripts off. ID is a document id or one "
        "of its URLs. Ctrl-C ends it.",
    ),
)
@click.argument("wanted", metavar="ID")
@click.option(
    "--version", "number", type=click.IntRange(min=1), help=say("看第几版。", "Number of an earlier version.")
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help=say("本机端口(默认任取一个空闲的)。", "Loopback port (default: any free one)."),
)
@click.option(
    "--no-browser", is_flag=True, help=say("只给出地址,不打开浏览器。", "Print the address, open no browser.")
)
@data_option
def open_(*, wanted: str, number: int | None, port: int, no_browser: bool, data: Path) -> None:
    """Serve the page until Ctrl-C."""
    with open_catalog(data) as catalog:
        exhibit = read_exhibit(catalog, data, find_document(catalog, wanted), number)
    try:
        server = ReplayServer(exhibit, data, port=port)
    except OSError as error:
        raise UsageMistake(
            say(
                f"--port {port}:不能在 127.0.0.1:{port} 上监听({error.strerror});请另选一个,或不给 --port",
                f"--port {port}: cannot listen on 127.0.0.1:{port} ({error.strerror}); choose another or leave --port out",
            )
        ) from error
    with server:
        click.echo(server.url)
        click.echo(say("按 Ctrl-C 结束", "Ctrl-C ends it"), err=True)
        if not no_browser:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever(poll_interval=0.2)
