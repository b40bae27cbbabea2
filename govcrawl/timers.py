"""What starts rounds by the clock: systemd units and a cron line, as text; pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from govcrawl.errors import UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

UNIT = "govcrawl-recrawl"

_HOUR = 60
_DAY = 24 * _HOUR
_UNITS = {"min": 1, "m": 1, "h": _HOUR, "d": _DAY}
_SPREAD = 10  # the start is put off by up to a tenth of the time between two

# Left out on purpose: what a browser needs (user namespaces, memory that is written and run), and ProtectHome, as project and
# data may lie at home.
_HARDENING = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
"""
_SYSTEM_HARDENING = """\
ProtectSystem=full
ProtectControlGroups=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ReadWritePaths="-{data}"
"""  # a user's own manager may not have the rights for these


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """What is started, where, and how often.

    Args:
        command: program, absolute, and arguments.
        folder: working directory, absolute.
        data: data directory, absolute.
        environment: further variables.
        every_minutes: see :func:`parse_every`.
        user: whose it is, for a system-wide unit; ``None``: a unit of the user's own manager.
    """

    command: Sequence[str]
    folder: Path
    data: Path
    environment: Mapping[str, str]
    every_minutes: int
    user: str | None


def parse_every(text: str) -> int:
    """Return the minutes of ``15min``, ``1h``, ``1d``.

    Raises:
        UsageMistake: it is none of those that come at the same times each day: parts of an hour, of a day, or a day.
    """
    match = re.fullmatch(r"(\d+)(min|m|h|d)", text)
    minutes = int(match[1]) * _UNITS[match[2]] if match else 0
    if (
        not minutes
        or minutes > _DAY
        or _DAY % minutes
        or (minutes < _HOUR and _HOUR % minutes)
        or minutes % _HOUR * (minutes > _HOUR)
    ):
        raise UsageMistake(
            say(
                f"--every {text!r}：应为一小时或一天的一部分，如 15min、1h、6h、1d",
                f"--every {text!r}: expected a part of an hour or of a day, e.g. 15min, 1h, 6h, 1d",
            )
        )
    return minutes


def service_unit(timer: Timer) -> str:
    """Return the service: one round of what is due."""
    variables = {"GOVCRAWL_DATA": str(timer.data), **timer.environment}
    lines = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in variables.items())
    if "GOVCRAWL_CONTACT" not in variables:
        lines += "# Environment=GOVCRAWL_CONTACT=URL or address where a site's operator can reach you\n"
    owner = f"User={timer.user}\n" if timer.user else ""
    system = _SYSTEM_HARDENING.format(data=_escaped(str(timer.data))) if timer.user else ""
    return f"""\
[Unit]
Description=govcrawl: crawl the agencies that are due
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={" ".join(_quoted(part, command=True) for part in timer.command)}
WorkingDirectory={str(timer.folder).replace("%", "%%")}
{owner}{lines}# an end in order: crawls that are under way are closed, and the next round goes on with them
KillSignal=SIGINT
KillMode=mixed
TimeoutStopSec=5min
Nice=10
{_HARDENING}{system}"""


def timer_unit(timer: Timer) -> str:
    """Return the timer of :func:`service_unit`."""
    delay = max(1, timer.every_minutes // _SPREAD)
    return f"""\
[Unit]
Description=govcrawl: look every {timer.every_minutes} minutes for agencies that are due

[Timer]
OnCalendar={_calendar(timer.every_minutes)}
RandomizedDelaySec={delay}min
Persistent=true

[Install]
WantedBy=timers.target
"""


def cron_line(timer: Timer, log: Path) -> str:
    """Return the line of a crontab; the minute is one of its own for each data directory."""
    variables = {"GOVCRAWL_DATA": str(timer.data), **timer.environment}
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    command = (
        f"cd {shlex.quote(str(timer.folder))} && {given} {shlex.join(timer.command)} >> {shlex.quote(str(log))} 2>&1"
    )
    minute = int.from_bytes(sha256(str(timer.data).encode()).digest()[:4], "big")
    every = timer.every_minutes
    if every < _HOUR:
        when = f"{minute % every}-59/{every} * * * *"
    else:
        hours = "*" if every == _HOUR else f"{minute % (every // _HOUR)}-23/{every // _HOUR}"
        when = f"{minute % _HOUR} {hours} * * *" if every < _DAY else f"{minute % _HOUR} {minute % 24} * * *"
    return f"{when} {command.replace('%', chr(92) + '%')}"  # a bare % ends a command in a crontab


def _calendar(minutes: int) -> str:
    """Return an OnCalendar expression (systemd.time)."""
    if minutes < _HOUR:
        return f"*:0/{minutes}"
    if minutes == _HOUR:
        return "hourly"
    return "daily" if minutes == _DAY else f"0/{minutes // _HOUR}:00:00"


def _quoted(text: str, *, command: bool = False) -> str:
    """Return one word of a unit's line (systemd.syntax, systemd.service: ``$`` stands for variables in commands only)."""
    escaped = _escaped(text)
    return '"' + (escaped.replace("$", "$$") if command else escaped) + '"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
