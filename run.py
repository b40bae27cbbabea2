#!/usr/bin/env python3
# -*- coding: utf-8 -*-
"""Make the locked environment if it is not there, then run what was asked (standard library only).

The environment is ``.venv`` beside this file, made from ``requirements.lock`` with every file checked against its
hash. It needs no ``ensurepip`` and no system pip: the pip that the lock names is fetched from the package index first.

* ``.venv`` is built where it will stay, because scripts in it carry absolute paths; its stamp is written last. An
  environment without the right stamp counts as absent and is made anew, so a killed set-up is never half used.
* ``.venv.lock`` is held shared by every command that runs in the environment (the lock passes through ``exec``) and
  exclusively by a set-up, so the environment is never changed under a running crawl.
* The set-up's pip holds the lock too: if this program is killed, the next one waits until that pip has ended.

This file keeps to the syntax of Python 3.6, so that an old Python can still say which one is needed.
"""

import sys

if sys.version_info < (3, 11):  # on Python 2 the next line is the one its syntax error shows
    sys.exit(
        f"需要 Python 3.11 或更高版本 / Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}"
    )

import base64
import contextlib
import hashlib
import html
import json
import os
import re
import shutil
import ssl
import subprocess
import sysconfig
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import venv
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import Literal, NoReturn

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "run.py.stamp"
LOCK = ROOT / "requirements.lock"
PYPROJECT = ROOT / "pyproject.toml"
SCRIPTS = VENV / ("Scripts" if sys.platform == "win32" else "bin")
PYTHON = SCRIPTS / ("python.exe" if sys.platform == "win32" else "python")

DEFAULT_INDEX = "https://pypi.org/simple"  # pip's own default; used where neither environment nor pip.conf names one
RECIPE = 1  # raised when make_environment() comes to put something else into the environment
FETCH_SECONDS = 20.0
BUSY_SECONDS = 5.0  # how long commands that just look at the environment may delay a set-up

USAGE = """\
usage: python3 run.py COMMAND [ARGUMENT ...]

  demo                 主流程演示，离线，几秒钟 / the main job on a built-in replica portal, offline
  scrapy crawl AGENCY  抓取一个机构 / crawl one agency (any scrapy command works)
  govcrawl ...         导出、查询、状态 …… / export, show, status ... (govcrawl --help)
  test [ARGUMENT ...]  运行测试 (pytest) / run the tests; paths are relative to the project
  check                代码检查 / lint, format, types, import contracts
  python [ARGUMENT ...]  环境中的 Python / the environment's Python

第一次运行会在 .venv 建好锁定的环境。
The first call makes the locked environment in .venv; later calls use it.
"""

CHECKS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports", "--no-logo"))


class SetUpError(Exception):
    """The environment cannot be made; says so in one sentence, in Chinese and in English."""

    def __init__(self, zh: str, en: str, detail: str = "") -> None:
        """Put what pip said, if anything, before the sentence."""
        super().__init__("\n".join(filter(None, [detail.rstrip(), zh, en])))


class NoIndex(SetUpError):
    """No package index answered."""

    def __init__(self, tried: str) -> None:
        """Name what was tried and the ways out."""
        super().__init__(
            f"连不上软件包索引（{tried}），环境没有建成：请检查网络、代理或 PIP_INDEX_URL；"
            "离线时用 PIP_FIND_LINKS=目录（即 pip 的 --find-links）指向已下载的 wheel 文件。",
            f"No package index could be reached ({tried}), so the environment was not made: check network, proxy or "
            "PIP_INDEX_URL; offline, point PIP_FIND_LINKS=DIRECTORY (pip's --find-links) at downloaded wheels.",
        )


def tell(text: str) -> None:
    """Write a line for the person at the terminal, also where the terminal's encoding lacks Chinese."""
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stderr.flush()


def expected_stamp() -> str:
    """Digest everything that decides what the environment holds.

    Of ``pyproject.toml`` only the parts that packaging reads count: a new lint rule makes no new environment. Nor does
    a bug-fix release of Python, which an existing environment survives.
    """
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    tools = project.get("tool", {})
    decisive = {
        "lock": hashlib.sha256(LOCK.read_bytes()).hexdigest(),
        "recipe": RECIPE,
        "project": [project.get("project"), project.get("build-system"), tools.get("hatch")],
        "python": [sys.implementation.cache_tag, sys.base_prefix, sysconfig.get_platform()],
        "place": str(ROOT),
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def is_ready(stamp: str) -> bool:
    """Tell whether the environment was made completely, from this lock, here, and its Python is still there."""
    try:
        return STAMP.read_text(encoding="ascii") == stamp and os.access(PYTHON, os.X_OK)
    except (OSError, UnicodeDecodeError):
        return False


def open_lock() -> int:
    """Open the lock file, which is made where it is not there and is never removed."""
    name = str(VENV) + ".lock"
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # a checkout that somebody else set up: a shared lock needs no right to write
        descriptor = os.open(name, os.O_RDONLY)
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - the function takes no keyword
    return descriptor


def lock(descriptor: int, kind: Literal["shared", "exclusive", "none"], *, wait: bool = False) -> bool:
    """Take the lock, turn it into the other kind, or give it back; ``False`` = somebody else has it.

    Windows has no shared locks of this sort, and does not let files in use be removed: there only set-ups lock.
    """
    try:
        if sys.platform != "win32":
            operation = {"shared": fcntl.LOCK_SH, "exclusive": fcntl.LOCK_EX, "none": fcntl.LOCK_UN}[kind]
            fcntl.flock(descriptor, operation if wait else operation | fcntl.LOCK_NB)
        elif kind != "shared":
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK if kind == "exclusive" else msvcrt.LK_UNLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True


def take_exclusive(descriptor: int) -> bool:
    """Take the lock for a set-up; ``False`` = another set-up is at work, so look again when it has ended.

    :raises SetUpError: where commands are running in the environment that would have to be replaced.
    """
    give_up_at = time.monotonic() + BUSY_SECONDS
    while not lock(descriptor, "exclusive"):
        if not lock(descriptor, "shared"):
            return False
        lock(descriptor, "none")
        if time.monotonic() > give_up_at:
            raise SetUpError(
                f"{VENV} 需要重建，但还有命令正在其中运行（例如抓取）；请等它们结束后再试。",
                f"{VENV} must be made anew, but commands are still running in it (a crawl, perhaps): "
                "let them end, then try again.",
            )
        time.sleep(0.05)
    return True


def ensure_environment() -> None:
    """Come back with a complete environment and the shared lock on it, which this process keeps to its end."""
    stamp = expected_stamp()
    try:
        descriptor = open_lock()
    except OSError as error:
        if is_ready(stamp):  # read-only checkout without a lock file: nobody can set up here, so nothing can change
            return
        raise SetUpError(
            f"无法在 {ROOT} 建立环境：{error}；请把项目放在可写的目录。",
            f"The environment cannot be made in {ROOT}: {error}; put the project where you may write.",
        ) from error
    while True:
        if not lock(descriptor, "shared"):
            tell("另一个进程正在建立环境，等待中…… / another process is making the environment, waiting ...")
            lock(descriptor, "shared", wait=True)
        if is_ready(stamp):
            return
        lock(descriptor, "none")
        if take_exclusive(descriptor):
            if not is_ready(stamp):
                make_environment(stamp, descriptor)
            lock(descriptor, "none")


def pip_config_files() -> list[Path]:
    """Name the places of pip's configuration, the strongest last (pip documentation, 'Configuration Files')."""
    home, chosen = Path.home(), os.environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:  # pip's way to switch all of them off
        return []
    if sys.platform == "win32":
        roots = [os.environ.get("PROGRAMDATA", "C:/ProgramData"), home, os.environ.get("APPDATA", home)]
        files = [Path(root) / "pip" / "pip.ini" for root in roots]
    else:
        system = reversed(os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"))
        own = [home / "Library/Application Support"] if sys.platform == "darwin" else []
        own.append(Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config"))
        files = [Path(folder) / "pip/pip.conf" for folder in ["/Library/Application Support", *system]]
        files += [Path("/etc/pip.conf"), home / ".pip/pip.conf", *(folder / "pip/pip.conf" for folder in own)]
    return [*files, Path(chosen)] if chosen else files


def pip_settings() -> dict[str, str]:
    """Read what pip's configuration files and ``PIP_*`` variables say about where packages come from."""
    config = ConfigParser(interpolation=None)
    for path in pip_config_files():
        with contextlib.suppress(OSError, ConfigError, UnicodeDecodeError):  # pip itself will say what is wrong with it
            config.read(path, encoding="utf-8")
    settings: dict[str, str] = {}
    for section in ("global", "install"):
        if config.has_section(section):
            settings |= {key.replace("_", "-"): value for key, value in config.items(section)}
    for key in ("index-url", "extra-index-url", "find-links", "no-index", "cert", "proxy"):
        settings[key] = os.environ.get("PIP_" + key.upper().replace("-", "_")) or settings.get(key, "")
    return settings


def locked_pip() -> tuple[str, set[str]]:
    """Read pip's wheel name and its accepted sha256 digests from the lock."""
    found = re.search(r"^pip==(\S+)((?:[\s\\]+--hash=sha256:[0-9a-f]{64})+)", LOCK.read_text("utf-8"), re.MULTILINE)
    if not found:
        raise SetUpError(f"{LOCK} 没有锁定 pip。", f"{LOCK} does not lock pip: make the lock anew as its head says.")
    return f"pip-{found[1]}-py3-none-any.whl", set(re.findall(r"[0-9a-f]{64}", found[2]))


def fetch(url: str, settings: dict[str, str]) -> tuple[str, bytes]:
    """Fetch a URL (also ``file:``): the address it was finally found at, and the bytes."""
    parts = urllib.parse.urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(parts._replace(netloc=host).geturl())  # noqa: S310 - hashes pin, not schemes
    request.add_header("Accept", "text/html, */*;q=0.1")
    if at:  # urllib takes no credentials from the URL; they stay with this host
        secret = base64.b64encode(urllib.parse.unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {secret}")
    handlers: list[urllib.request.BaseHandler] = []
    if settings["proxy"]:
        handlers.append(urllib.request.ProxyHandler({"http": settings["proxy"], "https": settings["proxy"]}))
    context = ssl.create_default_context()
    for path in filter(None, [settings["cert"], *map(os.environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))]):
        with contextlib.suppress(OSError):  # a file that is not there vouches for nobody
            context.load_verify_locations(path)
    opener = urllib.request.build_opener(*handlers, urllib.request.HTTPSHandler(context=context))
    try:
        answer = opener.open(request, timeout=FETCH_SECONDS)
    except urllib.error.URLError as error:
        if at or not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise
        # A minimal system has no certificate store. What is fetched here is used only if it has the locked sha256,
        # and pip, which brings its own store, verifies everything after it.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        answer = opener.open(request, timeout=FETCH_SECONDS)
    with answer:
        return answer.geturl(), answer.read()


def pip_pages(settings: dict[str, str]) -> list[str]:
    """Name where the wheel may lie or be listed: find-links first, then the index, then further indexes."""
    indexes = [settings["index-url"] or DEFAULT_INDEX, *settings["extra-index-url"].split()]
    if settings["no-index"].lower() in {"1", "true", "yes", "on"}:
        indexes = []
    return settings["find-links"].split() + [index.rstrip("/") + "/pip/" for index in indexes]


def fetch_wheel(page_url: str, name: str, settings: dict[str, str]) -> Iterator[bytes]:
    """Fetch every file of this name that a page or a directory offers; raises ``OSError`` where nobody answers."""
    if "://" not in page_url:
        page_url = Path(page_url).expanduser().resolve().as_uri()
    if page_url.startswith("file:"):
        path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(page_url).path))
        if (path / name).is_file():
            yield (path / name).read_bytes()
            return
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            return
        page_url = path.as_uri()
    with_credentials = urllib.parse.urlsplit(page_url).netloc
    base_url, page = fetch(page_url, settings)
    for link in re.findall(r"""<a\s[^>]*?href\s*=\s*["']([^"'#]+)""", page.decode("utf-8", "replace"), re.IGNORECASE):
        url = urllib.parse.urlsplit(urllib.parse.urljoin(base_url, html.unescape(link)))
        if urllib.parse.unquote(url.path).rpartition("/")[2] == name:
            same_host = url.netloc == with_credentials.rpartition("@")[2]
            yield fetch((url._replace(netloc=with_credentials) if same_host else url).geturl(), settings)[1]


def put_pip_wheel(folder: Path) -> Path:
    """Bring the locked pip wheel into ``folder``.

    :raises NoIndex: where no index answered.
    :raises SetUpError: where they answered but have no such file with the locked hash.
    """
    settings = pip_settings()
    name, digests = locked_pip()
    answers: list[str] = []
    failures: list[str] = []
    for page_url in pip_pages(settings):
        shown = re.sub(r"//[^/@]*@", "//", page_url)  # without user and password
        try:
            for wheel in fetch_wheel(page_url, name, settings):
                if hashlib.sha256(wheel).hexdigest() in digests:
                    (folder / name).write_bytes(wheel)
                    return folder / name
                answers.append(f"{shown}: sha256 {hashlib.sha256(wheel).hexdigest()}")
            answers.append(shown)
        except urllib.error.HTTPError as error:  # an index that does not have pip is still an index
            (answers if error.code in {404, 410} else failures).append(f"{shown}: HTTP {error.code}")
        except (OSError, ValueError) as error:  # refused, timed out, no such name, no such file, not a URL
            failures.append(f"{shown}: {getattr(error, 'reason', error)}")
    if failures and not any("sha256" in answer for answer in answers):
        raise NoIndex(failures[0])
    raise SetUpError(
        f"软件包索引没有哈希与 requirements.lock 相符的 {name}（{'；'.join(answers)}）；"
        "请用 PIP_INDEX_URL 指定完整的索引，或用 PIP_FIND_LINKS 指向含有它的目录。",
        f"No package index has {name} with the sha256 in requirements.lock ({'; '.join(answers)}): "
        "name a complete index with PIP_INDEX_URL, or a directory that holds the file with PIP_FIND_LINKS.",
    )


def pip_environment() -> dict[str, str]:
    """Keep the user's sources, proxies and cache; drop what would make pip install something else somewhere else."""
    harmful = "TARGET PREFIX ROOT USER CONSTRAINT REQUIREMENT NO_DEPS REQUIRE_HASHES DRY_RUN PYTHON PRE UPGRADE REPORT"
    harmful += " NO_BINARY ONLY_BINARY PLATFORM LOG QUIET VERBOSE"
    drop = {"PIP_" + name for name in harmful.split()} | {"PYTHONPATH", "PYTHONHOME"}
    kept = {name: value for name, value in os.environ.items() if name not in drop}
    # A user = true in pip.conf would defeat the environment; the variable is stronger than the file.
    return {**kept, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUTF8": "1"}


def find_pip() -> tuple[list[str], dict[str, str]]:
    """Choose the pip for the set-up: the locked wheel, or else the one this Python has.

    The locked wheel comes first because it is the same everywhere; the other (aimed at the environment with
    ``--python``) helps where an index can only be reached with pip's own means, or lacks this pip's wheel.
    """
    environment = pip_environment()
    try:
        wheel = put_pip_wheel(VENV)
    except SetUpError as error:
        command = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
        try:
            subprocess.run([*command, "--version"], env=environment, capture_output=True, check=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            raise error from None
        retries = ["--retries", "1"] if isinstance(error, NoIndex) else []
        return [*command, *retries], environment
    return [str(PYTHON), "-m", "pip"], {**environment, "PYTHONPATH": str(wheel)}


def run_pip(arguments: Sequence[str], descriptor: int, pip: tuple[list[str], dict[str, str]]) -> None:
    """Run one pip command to its end; a terminal sees how many packages it has found, a failure shows what it said."""
    command, environment = pip
    said, collected = "", 0
    with subprocess.Popen(  # noqa: S603 - our own pip and arguments
        [*command, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        pass_fds=() if sys.platform == "win32" else (descriptor,),
    ) as process:
        for line in process.stdout or ():
            said += line
            collected += line.startswith("Collecting ")
            if sys.stderr.isatty() and line.startswith(("Collecting ", "Installing ", "Successfully ")):
                sys.stderr.write(f"\r  {line.split()[0]} {collected or ''} ... \x1b[K")
                sys.stderr.flush()
    if not process.returncode:
        return
    if "DO NOT MATCH THE HASHES" in said:
        raise SetUpError(
            "有软件包与 requirements.lock 的哈希不符（见上），环境没有建成。",
            "A package does not match its hash in requirements.lock (above), so the environment was not made.",
            said,
        )
    broken = re.search(r"connection broken by '(.*)'", said)
    if broken and "No matching distribution found" in said:
        raise NoIndex(broken[1].rpartition(": ")[2].strip("')\""))
    raise SetUpError(
        f"pip 没有成功（退出码 {process.returncode}，原因见上），环境没有建成；排除原因后再运行同一命令即可。",
        f"pip failed (exit code {process.returncode}, reason above) and the environment was not made; "
        "run the same command again when the reason is gone.",
        "\n".join(said.splitlines()[-25:]),
    )


def make_environment(stamp: str, descriptor: int) -> None:
    """Make the environment from nothing; the caller holds the exclusive lock."""
    started_at = time.monotonic()
    tell(f"正在建立环境 / making the environment: {VENV}")
    try:
        if VENV.is_symlink() or VENV.is_file():
            VENV.unlink()
        elif VENV.exists():
            STAMP.unlink(missing_ok=True)  # first: a removal that is cut short leaves nothing that looks complete
            shutil.rmtree(VENV)
        venv.EnvBuilder(with_pip=False, symlinks=sys.platform != "win32").create(VENV)
        pip = find_pip()
        run_pip(["install", "--require-hashes", "--only-binary=:all:", "--requirement", str(LOCK)], descriptor, pip)
        run_pip(["install", "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT)], descriptor, pip)
        STAMP.write_text(stamp, encoding="ascii")
    except (OSError, subprocess.SubprocessError) as error:
        raise SetUpError(
            f"环境没有建成：{error}；排除原因后再运行同一命令即可。",
            f"The environment was not made: {error}; run the same command again when the reason is gone.",
        ) from error
    tell(f"环境已就绪 / environment ready: {time.monotonic() - started_at:.0f} s")


def run_environment() -> dict[str, str]:
    """Give commands the environment and nothing of another one."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    path = os.pathsep.join(filter(None, [str(SCRIPTS), kept.get("PATH")]))
    return {**kept, "PATH": path, "VIRTUAL_ENV": str(VENV), "PYTHONUTF8": "1"}


def script(name: str) -> str:
    """Name a console script of the environment."""
    return str(SCRIPTS / (name + ".exe" if sys.platform == "win32" else name))


def replace_process(command: list[str], environment: dict[str, str]) -> NoReturn:
    """Become ``command``; on Windows, where that returns to the shell at once, run it and pass its exit code on."""
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603
    os.execve(command[0], command, environment)  # noqa: S606 - no shell is meant


def run_checks(environment: dict[str, str]) -> int:
    """Run every check, also after one has failed, and say at the end which did."""
    failed = []
    for command in CHECKS:
        tell("$ " + " ".join(command))
        if subprocess.run([script(command[0]), *command[1:]], env=environment, check=False).returncode:  # noqa: S603
            failed.append(" ".join(command))
    tell("检查未通过 / failed: " + "; ".join(failed) if failed else "检查通过 / all checks passed")
    return 1 if failed else 0


def main(arguments: Sequence[str]) -> int:
    """Make the environment where needed and run the command; exit codes: its own, 1 no environment, 2 usage."""
    command, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if command in {"-h", "--help", "help"}:
        sys.stdout.buffer.write(USAGE.encode())
        return 0
    if command not in {"demo", "test", "check", "scrapy", "govcrawl", "python"} or (command == "check" and rest):
        tell(f"未知命令 / unknown command: {' '.join(arguments) or '-'}\n\n{USAGE}")
        return 2
    try:
        ensure_environment()
    except SetUpError as error:
        tell(str(error))
        return 1
    environment = run_environment()
    if command in {"test", "check"}:
        os.chdir(ROOT)
    else:  # the project's settings from any directory
        environment["SCRAPY_SETTINGS_MODULE"] = "govcrawl.settings"
    if command == "check":
        return run_checks(environment)
    if command == "python":
        replace_process([str(PYTHON), *rest], environment)
    program = {"test": "pytest", "demo": "govcrawl"}.get(command, command)
    if command == "test" and not rest:
        rest = ["-n", "auto", "--dist", "loadfile"]  # all of them: a process for each core, a file's tests in one
    replace_process([script(program), *(["demo"] if command == "demo" else []), *rest], environment)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        tell("已中断；未完成的环境不会被使用。 / interrupted; an unfinished environment is never used.")
        sys.exit(130)
