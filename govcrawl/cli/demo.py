"""``govcrawl demo``: the whole job on the built-in replica portal."""

from __future__ import annotations

from pathlib import Path

import click

from govcrawl.demo.run import run_demo
from govcrawl.speech import say


@click.command(
    help=say(
        "在内置的仿真门户上演示全过程：抓取、改动、再抓取、逐项核对。离线运行，不到 20 秒；有一项不符即以 1 退出。",
        "Run the whole job on the built-in replica portal: crawl, let it change, crawl again, check everything. Offline, "
        "under 20 s; exits 1 if any expectation fails.",
    )
)
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help=say(
        "演示数据放在这个新的或空的目录（默认：新建的临时目录，同样保留）",
        "put the data into this new or empty directory (default: a new temporary one, kept as well)",
    ),
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help=say("仿真门户的端口（默认任取一个空闲的）", "port of the replica portal (default: any free one)"),
)
@click.pass_context
def demo(context: click.Context, keep: Path | None, port: int) -> None:
    """Run the demonstration."""
    context.exit(run_demo(keep, port=port))
