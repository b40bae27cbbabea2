"""What starts rounds by the clock: units that systemd takes, a line that cron takes."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from govcrawl.cli import main
from govcrawl.errors import UsageMistake
from govcrawl.timers import UNIT, Timer, cron_line, parse_every, service_unit, timer_unit

HOSTILE = Timer(
    command=("/bin/echo", "a b", 'qu"ote', "100%", "$HOME", "back\\slash"),
    folder=Path("/"),
    data=Path("/srv/data 100%"),
    environment={"GOVCRAWL_CONTACT": 'Zhang "San" <ops@agency.test> 100% $5'},
    every_minutes=60,
    user="root",
)


def read_unit(text: str) -> configparser.RawConfigParser:
    """Read a unit's sections; keys that come several times are joined by a line's end."""
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


@pytest.mark.parametrize("user", ["root", None])
@pytest.mark.parametrize("every", ["5min", "1h", "6h", "1d"])
def test_systemd_takes_the_units(tmp_path: Path, user: str | None, every: str) -> None:
    """systemd-analyze has nothing to say of them where it is there; else each line is a known key of its section."""
    timer = replace(HOSTILE, user=user, every_minutes=parse_every(every))
    texts = {f"{UNIT}.service": service_unit(timer), f"{UNIT}.timer": timer_unit(timer)}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
        unit = read_unit(text)
        assert all(re.fullmatch("[A-Z][A-Za-z]+", key) for section in unit.sections() for key in unit[section])
    assert read_unit(texts[f"{UNIT}.timer"])["Timer"]["Persistent"] == "true"
    service = read_unit(texts[f"{UNIT}.service"])["Service"]
    assert service["ExecStart"] == '"/bin/echo" "a b" "qu\\"ote" "100%%" "$$HOME" "back\\\\slash"'
    assert ("User" in service) == (user is not None)
    if program := shutil.which("systemd-analyze"):
        scope = [] if user else ["--user"]
        done = subprocess.run(
            [program, "verify", *scope, *(str(tmp_path / name) for name in texts)],
            capture_output=True,
            text=True,
            check=False,
        )
        ours = [line for line in done.stderr.splitlines() if UNIT in line]
        assert not ours, done.stderr


def test_times_are_parts_of_an_hour_or_a_day() -> None:
    """What would not come at the same times each day is refused."""
    assert [parse_every(text) for text in ("5min", "15m", "1h", "6h", "1d", "24h")] == [5, 15, 60, 360, 1440, 1440]
    for text in ("", "0h", "7min", "5h", "90min", "2d", "1w", "-1h"):
        with pytest.raises(UsageMistake, match="--every"):
            parse_every(text)


def test_a_shell_and_cron_read_the_line_as_it_is_meant(tmp_path: Path) -> None:
    """Five fields, then a command whose per cent signs are escaped, run by a shell with variables and arguments unharmed."""
    command = ("/bin/sh", "-c", 'printf "%s|%s|%s" "$GOVCRAWL_CONTACT" "$GOVCRAWL_DATA" "$1"', "-", "a b")
    line = cron_line(replace(HOSTILE, command=command, folder=tmp_path), tmp_path / "the log")
    minute, hour, rest = re.fullmatch(r"(\d+) (\S+) \* \* \* (.*)", line).groups()  # type: ignore[union-attr]
    assert int(minute) < 60
    assert hour == "*"
    assert not re.search(r"(?<!\\)%", rest)
    subprocess.run(["/bin/sh", "-c", rest.replace("\\%", "%")], check=True)
    said = (tmp_path / "the log").read_text("utf-8")
    assert said == f"{HOSTILE.environment['GOVCRAWL_CONTACT']}|/srv/data 100%|a b"


@pytest.mark.parametrize(
    ("every", "when"), [(5, r"\d-59/5 \* \* \* \*"), (360, r"\d+ [0-5]-23/6 \* \* \*"), (1440, r"\d+ \d+ \* \* \*")]
)
def test_cron_comes_as_often_as_asked(every: int, when: str) -> None:
    """Each data directory has its own minute."""
    assert re.match(when, cron_line(replace(HOSTILE, every_minutes=every), Path("/log")))


def test_the_command_prints_what_was_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Absolute paths, the contact of now, no User= in a user's own unit; both forms where none was asked for."""
    monkeypatch.setenv("GOVCRAWL_CONTACT", "ops@agency.test")
    monkeypatch.chdir(tmp_path)
    both = CliRunner().invoke(main, ["schedule", "--data", "archive"]).output
    assert f"/etc/systemd/system/{UNIT}.timer" in both
    assert "OnCalendar=hourly" in both
    assert f'Environment="GOVCRAWL_DATA={tmp_path}/archive"' in both
    assert 'Environment="GOVCRAWL_CONTACT=ops@agency.test"' in both
    assert re.search(r'ExecStart="/\S+" .*"recrawl" "--due"', both)
    assert re.search(rf"^\d+ \* \* \* \* cd / ?.*{tmp_path}/archive/recrawl\.log", both, re.MULTILINE)
    own = CliRunner().invoke(main, ["schedule", "--systemd", "--user"]).output
    assert "User=" not in own
    assert "crontab" not in own
    assert "[Unit]" not in CliRunner().invoke(main, ["schedule", "--cron"]).output
    assert CliRunner().invoke(main, ["schedule", "--every", "7min"]).exit_code == 2
