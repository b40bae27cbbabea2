"""``govcrawl completion SHELL``: the script that makes a shell complete commands, options and agencies."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from govcrawl.cli import main
from govcrawl.errors import UsageMistake
from govcrawl.speech import say

VARIABLE = "_GOVCRAWL_COMPLETE"


@click.command(
    help=say(
        "打印命令行补全脚本(命令、选项、机构代号)。\n\n例:\n\n"
        "  govcrawl completion bash > ~/.local/share/bash-completion/completions/govcrawl\n\n"
        "  govcrawl completion fish > ~/.config/fish/completions/govcrawl.fish",
        "Print the script that makes a shell complete commands, options and names of agencies.\n\nExamples:\n\n"
        "  govcrawl completion bash > ~/.local/share/bash-completion/completions/govcrawl\n\n"
        "  govcrawl completion fish > ~/.config/fish/completions/govcrawl.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print the script, click's own."""
    found = get_completion_class(shell)
    if found is None:
        raise UsageMistake(say(f"click 不会为 {shell} 补全", f"click cannot complete for {shell}"))
    click.echo(found(main, {}, "govcrawl", VARIABLE).source())
