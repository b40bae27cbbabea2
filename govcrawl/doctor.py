"""What a machine needs for crawling and reading, looked at piece by piece: each is ok, a warning or a failure with its fix.

Nothing is changed and nothing is sent. What costs a look into a large file (the catalog's integrity) is bounded by SQLite's
quick check.
"""

from __future__ import annotations

import json
import locale
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from packaging.requirements import Requirement

from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_search import check_index
from archive.errors import ArchiveError
from archive.withheld import LOG_NAME, read_log
from govcrawl.errors import CrawlError
from govcrawl.speech import in_words, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.settings import BaseSettings

    from archive.rows import Row

Status = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 37, 0)  # STRICT-era names of errors, and FTS5's fixes
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
LEAST_BYTES, FEW_BYTES = 500_000_000, 5_000_000_000
_FONT_SECONDS = 20
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``fix`` is what to do where it is not ok."""

    name: str
    status: Status
    said: str
    fix: str | None = None


def look_at_all(settings: BaseSettings, data: Path, state: Path) -> Iterator[Check]:
    """Yield every check, cheapest first."""
    yield check_python()
    yield check_libraries(_ROOT / "requirements.lock")
    yield check_sqlite()
    yield check_browser(settings)
    yield check_folder("data", data, "GOVCRAWL_DATA")
    yield check_folder("state", state, "GOVCRAWL_STATE")
    yield check_locale()
    yield check_time_zones()
    yield check_font()
    yield check_contact(settings.get("GOVCRAWL_CONTACT") or "")
    latest, checks = look_at_catalog(data)
    yield check_clock(datetime.now(UTC), latest)
    yield from checks


def check_python() -> Check:
    """Whether this Python is new enough."""
    said = f"Python {platform.python_version()}"
    if sys.version_info >= OLDEST_PYTHON:
        return Check("python", "ok", said)
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return Check("python", "fail", said, say(f"安装 Python {wanted} 或更高版本", f"install Python {wanted} or later"))


def check_libraries(lock: Path) -> Check:
    """Whether what the project declares is installed, in the versions that the lock names (where there is one)."""
    pins = dict(_pins(lock)) if lock.is_file() else {}
    missing, other, count = [], [], 0
    for text in metadata.requires("govcrawl") or ():
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        count += 1
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            missing.append(wanted.name)
            continue
        pin = pins.get(wanted.name.lower().replace("_", "-"))
        if not wanted.specifier.contains(found, prereleases=True):
            missing.append(f"{wanted.name}{wanted.specifier} ({found})")
        elif pin is not None and pin != found:
            other.append(f"{wanted.name} {found} ≠ {pin}")
    fix = say(
        "用 python3 run.py govcrawl … 运行,它会按锁文件建好环境",
        "run it as python3 run.py govcrawl …, which makes the locked environment",
    )
    if missing:
        return Check("libraries", "fail", say("缺少: ", "missing: ") + ", ".join(missing), fix)
    if other:
        return Check("libraries", "warn", say("与锁文件不同: ", "not as locked: ") + ", ".join(other), fix)
    return Check("libraries", "ok", say(f"{count} 个库齐备", f"{count} libraries, as declared"))


def _pins(lock: Path) -> Iterator[tuple[str, str]]:
    for line in lock.read_text(encoding="utf-8").splitlines():
        name, mark, rest = line.partition("==")
        if mark and not line.startswith((" ", "#")):
            yield name.strip().lower().replace("_", "-"), rest.split()[0].rstrip("\\").rstrip(";")


def check_sqlite() -> Check:
    """Whether SQLite is new enough and has the full-text index."""
    said = f"SQLite {sqlite3.sqlite_version}"
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(a, content='')")
    except sqlite3.OperationalError as error:
        fix = say(
            "换用带 FTS5 的 Python（Debian 的 python3 即可）",
            "use a Python whose SQLite has FTS5 (Debian's python3 does)",
        )
        return Check("sqlite", "fail", f"{said}: {error}", fix)
    finally:
        connection.close()
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        return Check("sqlite", "fail", said, say(f"需要 SQLite {wanted} 以上", f"SQLite {wanted} or later is needed"))
    return Check("sqlite", "ok", f"{said}, FTS5")


def check_browser(settings: BaseSettings) -> Check:
    """Whether there is a browser for the channels that need one."""
    from govcrawl.browser_find import find_browser  # noqa: PLC0415 - not before the libraries were looked at

    try:
        found = find_browser(settings)
    except CrawlError as error:
        fix = say("改正或取消 GOVCRAWL_BROWSER", "correct GOVCRAWL_BROWSER, or unset it")
        return Check("browser", "fail", str(error), fix)
    if found is None:
        return Check(
            "browser",
            "warn",
            say(
                "未找到;只有脚本才能列出的栏目抓不了",
                "none found; channels that only a browser shows cannot be crawled",
            ),
            "sudo apt-get install chromium",
        )
    return Check("browser", "ok", str(found))


def check_folder(name: str, folder: Path, setting: str) -> Check:
    """Whether a folder can be written, or made, and has room."""
    there = next((one for one in (folder.absolute(), *folder.absolute().parents) if one.exists()), Path("/"))
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        fix = say(
            f"给予 {there} 写权限,或用 {setting} 指定别的目录",
            f"give write permission for {there}, or name another folder with {setting}",
        )
        return Check(name, "fail", f"{folder}: {error.strerror or error}", fix)
    said = say(f"{folder}:可写,剩余 {free / 1e9:.1f} GB", f"{folder}: writable, {free / 1e9:.1f} GB free")
    if there != folder.absolute():
        said += say("(尚未建立)", " (not made yet)")
    if free < FEW_BYTES:
        fix = say(
            f"腾出空间,或用 {setting} 指定别的磁盘", f"make room, or name a folder on another disk with {setting}"
        )
        return Check(name, "fail" if free < LEAST_BYTES else "warn", said, fix)
    return Check(name, "ok", said)


def check_locale() -> Check:
    """Whether Chinese names and texts can be written to files and to the terminal."""
    found = {"files": sys.getfilesystemencoding(), "text": locale.getpreferredencoding(do_setlocale=False)}
    if sys.stdout.encoding:
        found["output"] = sys.stdout.encoding
    wrong = {name: coding for name, coding in found.items() if coding.lower().replace("-", "") != "utf8"}
    said = ", ".join(f"{name} {coding}" for name, coding in found.items())
    if wrong:
        return Check("locale", "fail" if "files" in wrong else "warn", said, "export LANG=C.UTF-8 PYTHONUTF8=1")
    return Check("locale", "ok", said)


def check_time_zones() -> Check:
    """Whether the time zone of the agencies is known here."""
    try:
        offset = datetime(2024, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")).utcoffset()
    except ZoneInfoNotFoundError:
        return Check("time zones", "fail", say("没有 Asia/Shanghai", "no Asia/Shanghai"), "sudo apt-get install tzdata")
    if offset != timedelta(hours=8):
        return Check("time zones", "fail", f"Asia/Shanghai = UTC+{offset}", "sudo apt-get install --reinstall tzdata")
    return Check("time zones", "ok", "Asia/Shanghai = UTC+8")


def check_font() -> Check:
    """Whether there is a font with Chinese characters: for a browser's pages and their pictures."""
    program = shutil.which("fc-list")
    if program is None:
        return Check("font", "ok", say("没有 fc-list,未查", "no fc-list here: not looked at"))
    try:
        listed = subprocess.run(  # noqa: S603 - the program was looked for, its arguments are our own
            [program, ":lang=zh", "family"], capture_output=True, check=False, timeout=_FONT_SECONDS
        ).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("font", "warn", f"fc-list: {error}", "sudo apt-get install fonts-noto-cjk")
    families = sorted({line.split(",")[0].strip() for line in listed.splitlines() if line.strip()})
    if not families:
        said = say("没有中文字体:浏览器中的汉字会显示为方框", "none with Chinese: a browser shows boxes")
        return Check("font", "warn", said, "sudo apt-get install fonts-noto-cjk")
    return Check("font", "ok", ", ".join(families[:3]))


def check_contact(contact: str) -> Check:
    """Whether the operator of a site can reach whom the crawls are from."""
    if contact:
        return Check("contact", "ok", contact)
    said = say(
        "GOVCRAWL_CONTACT 未设:网站管理者无从联系", "GOVCRAWL_CONTACT is not set: no site's operator can reach you"
    )
    return Check("contact", "warn", said, "export GOVCRAWL_CONTACT=mailto:you@example.org")


def check_clock(now: datetime, latest: str | None) -> Check:
    """Whether the clock can be right: not before this software, not before the latest capture."""
    said = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    fix = say("校准系统时间(sudo timedatectl set-ntp true)", "set the clock (sudo timedatectl set-ntp true)")
    if now < RELEASED:
        return Check("clock", "fail", said, fix)
    if latest is not None and datetime.fromisoformat(latest) > now + timedelta(minutes=1):
        return Check(
            "clock",
            "fail",
            say(f"{said} 早于最近一次捕获 {latest}", f"{said} is before the latest capture, {latest}"),
            fix,
        )
    return Check("clock", "ok", said)


def look_at_catalog(data: Path) -> tuple[str | None, list[Check]]:
    """Return when the latest capture was made, and the checks of the catalog and what stands beside it."""
    path = data / CATALOG_NAME
    if not path.exists():
        return None, [Check("catalog", "ok", say(f"{path}:还没有", f"{path}: none yet"))]
    try:
        with Catalog.open_read_only(path, include_withheld=True) as catalog, catalog.snapshot():
            latest = next(catalog.rows("SELECT MAX(opened_at) AS at FROM warc_files"))["at"]
            broken = [str(next(iter(row.values()))) for row in catalog.rows("PRAGMA quick_check(3)")]
            withheld = list(catalog.rows("SELECT document_id FROM withheld ORDER BY 1"))
            counts = next(
                catalog.rows(
                    "SELECT (SELECT COUNT(*) FROM documents WHERE current_version_id IS NOT NULL) AS documents,"
                    " (SELECT COUNT(*) FROM search_rows) AS indexed"
                )
            )
            behind = _behind(catalog, counts)
    except (ArchiveError, sqlite3.DatabaseError) as error:
        fix = say("govcrawl rebuild(或先从备份恢复)", "govcrawl rebuild (or restore it from a backup)")
        return None, [Check("catalog", "fail", " ".join(in_words(error).split()), fix)]
    checks = [
        Check(
            "catalog", "ok", say(f"{path}:{counts['documents']} 份公开文件", f"{path}: {counts['documents']} documents")
        )
        if broken == ["ok"]
        else Check("catalog", "fail", f"{path}: {'; '.join(broken)}", "govcrawl rebuild")
    ]
    checks.append(
        Check("search index", "fail", behind, "govcrawl reindex")
        if behind
        else Check("search index", "ok", say("与目录库一致", "in step with the catalog"))
    )
    checks.append(_check_withheld(data, [row["document_id"] for row in withheld]))
    return latest, checks


def _behind(catalog: Catalog, counts: Row) -> str | None:
    try:
        check_index(catalog)
    except ArchiveError as error:
        return in_words(error)
    if counts["documents"] != counts["indexed"]:
        return say(
            f"公开文件 {counts['documents']} 份,索引 {counts['indexed']} 份",
            f"{counts['documents']} documents, {counts['indexed']} in the index",
        )
    return None


def _check_withheld(data: Path, mirrored: list[str]) -> Check:
    """Whether the log of what is withheld can be read whole, and the catalog says the same."""
    try:
        log = read_log(data)
    except ArchiveError as error:
        return Check(
            "withheld", "fail", in_words(error), say(f"给予 {LOG_NAME} 读权限", f"give read permission for {LOG_NAME}")
        )
    count = len(log.standing())
    if log.problems:
        fix = say(
            f"核对 {LOG_NAME} 的该行,必要时重新 govcrawl withhold",
            f"look at that line of {LOG_NAME}; withhold again where it was meant",
        )
        return Check("withheld", "warn", log.problems[0], fix)
    if not (data / LOG_NAME).exists() and mirrored:
        fix = say(f"从备份恢复 {LOG_NAME}", f"restore {LOG_NAME} from a backup")
        return Check("withheld", "fail", say(f"缺少 {LOG_NAME}", f"{LOG_NAME} is gone"), fix)
    if sorted(log.standing()) != mirrored:
        fix = say("下一次抓取或 govcrawl reindex 会更正", "the next crawl or govcrawl reindex puts it right")
        return Check("withheld", "warn", say("目录库与记录不一致", "the catalog differs from the log"), fix)
    return Check("withheld", "ok", say(f"{count} 份不予显示", f"{count} withheld"))


def as_json(checks: list[Check]) -> str:
    """All checks as one JSON text."""
    rows = [{"name": one.name, "status": one.status, "said": one.said, "fix": one.fix} for one in checks]
    return json.dumps({"ok": all(one.status != "fail" for one in checks), "checks": rows}, ensure_ascii=False, indent=2)


def state_of(settings: BaseSettings) -> Path:
    """Return the folder of the machine's state with these settings."""
    from govcrawl.machine import state_folder  # noqa: PLC0415 - as above

    return state_folder(settings)
