"""``govcrawl serve``: the archive in a browser."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import webbrowser
from typing import TYPE_CHECKING

import click

from govcrawl.cli import data_option, open_catalog
from govcrawl.errors import UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    help=say(
        "在浏览器中检索、阅读、比较、回放存档（只读；默认只在本机）。按 Ctrl-C 结束。\n\n例：\n\n  govcrawl serve\n\n"
        "  govcrawl serve --port 8000 --no-browser\n\n  govcrawl serve --host 0.0.0.0 --name archive.example:8000",
        "Search, read, compare and replay the archive in a browser; read-only, on this machine unless told otherwise. Ctrl-C ends it."
        "\n\nExamples:\n\n  govcrawl serve\n\n  govcrawl serve --port 8000 --no-browser\n\n"
        "  govcrawl serve --host 0.0.0.0 --name archive.example:8000",
    )
)
@click.option("--host", default="127.0.0.1", show_default=True, help=say("监听的地址。", "Address to listen on."))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help=say("端口；0 任取。", "Port; 0 takes a free one."),
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST[:PORT]",
    help=say("访问者使用的名称；可重复。", "Name that visitors use; may be repeated."),
)
@click.option(
    "--token",
    envvar="GOVCRAWL_TOKEN",
    show_envvar=True,
    help=say(
        "访问令牌；非本机监听时不给则自动生成。",
        "Token visitors must bring; made up where others can reach the address.",
    ),
)
@click.option(
    "--no-browser", is_flag=True, help=say("只给出地址，不打开浏览器。", "Print the address, open no browser.")
)
@data_option
def serve(*, host: str, port: int, names: tuple[str, ...], token: str | None, no_browser: bool, data: Path) -> None:
    """Serve until Ctrl-C."""
    import uvicorn  # noqa: PLC0415 - not needed for --help

    from govcrawl.web.app import make_app  # noqa: PLC0415

    open_catalog(data).close()  # says what is wrong before anything listens
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    if token is None and not _is_loopback(host):
        token = secrets.token_urlsafe(24)
    own = {"127.0.0.1", "localhost", "[::1]"} if _is_loopback(host) else {host, "127.0.0.1", "localhost"}
    hosts = {f"{name}:{port}" for name in own} | {name.lower() for name in names}
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/"  # noqa: S104 - compared, not listened on
    click.echo(f"{address}?token={token}" if token else address)
    click.echo(say("按 Ctrl-C 结束", "Ctrl-C ends it"), err=True)
    if not no_browser:
        webbrowser.open(f"{address}?token={token}" if token else address)
    config = uvicorn.Config(
        make_app(data, hosts=sorted(hosts), token=token), log_level="warning", access_log=False, server_header=False
    )
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Listen, or say why not."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) or not error.errno else os.strerror(error.errno)
        raise UsageMistake(
            say(
                f"不能在 {host}:{port} 上监听（{reason}）；请另选 --port 或 --host",
                f"cannot listen on {host}:{port} ({reason}); choose another --port or --host",
            )
        ) from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
