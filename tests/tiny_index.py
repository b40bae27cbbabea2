"""A package index on loopback and a throw-away project for it, so that set-ups can be run, broken and run again."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import threading
import zipfile
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
PIP = f"pip-{metadata.version('pip')}-py3-none-any.whl"
TINY = "tiny-1.0-py3-none-any.whl"
CREDENTIALS = "reader:p%40ss"  # p@ss

PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "govcrawl"
version = "1.0"
"""

# Installs the one console script that the tests call; it lives in the package from the index.
BACKEND = """\
import zipfile

NAME = "govcrawl-1.0-py3-none-any.whl"

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    files = {
        "METADATA": "Metadata-Version: 2.1\\nName: govcrawl\\nVersion: 1.0\\n",
        "WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "entry_points.txt": "[console_scripts]\\ngovcrawl = tiny:main\\n",
    }
    files["RECORD"] = "".join(f"govcrawl-1.0.dist-info/{name},,\\n" for name in [*files, "RECORD"])
    with zipfile.ZipFile(f"{wheel_directory}/{NAME}", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(f"govcrawl-1.0.dist-info/{name}", text)
    return NAME
"""

# Shows how it was called; an argument "exit=N" makes that its exit code.
TINY_MODULE = """\
import json, os, sys

def main():
    names = ("SCRAPY_SETTINGS_MODULE", "PYTHONUTF8", "PYTHONPATH", "VIRTUAL_ENV")
    print(json.dumps({"arguments": sys.argv[1:], "cwd": os.getcwd(), "prefix": sys.prefix,
                      **{name: os.environ.get(name) for name in names}}))
    sys.exit(sum(int(text[5:]) for text in sys.argv if text.startswith("exit=")))
"""


def write_wheel(path: Path, files: dict[str, bytes], info: str) -> None:
    """Write a wheel with a RECORD that lists its files; stored, not packed, because it is read at once."""
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in {**files, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(name, content)


def write_wheels(folder: Path) -> None:
    """Write a wheel of the pip that is installed here, and one of a tiny package."""
    pip = metadata.distribution("pip")
    info = f"pip-{pip.version}.dist-info"
    files = {}
    for file in pip.files or ():
        if file.parts[0] in {"pip", info} and file.suffix != ".pyc" and file.name not in {"RECORD", "INSTALLER"}:
            files[file.as_posix()] = Path(str(file.locate())).read_bytes()
    write_wheel(folder / PIP, files, info)
    tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    described = b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
    tiny = {"tiny.py": TINY_MODULE.encode(), "tiny-1.0.dist-info/METADATA": described, "tiny-1.0.dist-info/WHEEL": tags}
    write_wheel(folder / TINY, tiny, "tiny-1.0.dist-info")


class TinyIndex(ThreadingHTTPServer):
    """The Simple pages of ``pip`` and ``tiny`` (PEP 503), with relative links; ``/private/`` asks for credentials."""

    daemon_threads = True

    def __init__(self, wheels: Path) -> None:
        super().__init__(("127.0.0.1", 0), TinyIndexRequest)
        self.wheels = wheels
        self.asked: list[str] = []
        self.gate = threading.Event()  # while it is not set, the wheel of tiny is announced but does not come
        self.gate.set()
        self.gate_reached = threading.Event()

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.shutdown()
        self.server_close()


class TinyIndexRequest(BaseHTTPRequestHandler):
    """One request to the index."""

    server: TinyIndex

    def do_GET(self) -> None:
        """Answer with a page of links or with a file."""
        self.server.asked.append(self.path)
        expected = "Basic " + base64.b64encode(b"reader:p@ss").decode()
        if self.path.startswith("/private/") and self.headers["Authorization"] != expected:
            return self.send(HTTPStatus.UNAUTHORIZED, b"", "text/plain")
        name = self.path.rpartition("/")[2]
        if name in {PIP, TINY}:
            if name == TINY:
                self.server.gate_reached.set()
                self.server.gate.wait(60)
            return self.send(HTTPStatus.OK, (self.server.wheels / name).read_bytes(), "application/octet-stream")
        for project, file in (("pip", PIP), ("tiny", TINY)):
            if self.path.endswith(f"/simple/{project}/"):
                page = f'<!DOCTYPE html><a data-x="&gt;" href="../../files/{file}#sha256=0">{file}</a>'
                return self.send(HTTPStatus.OK, page.encode(), "text/html")
        return self.send(HTTPStatus.NOT_FOUND, b"", "text/plain")

    def send(self, status: HTTPStatus, content: bytes, media_type: str) -> None:
        """Send one whole answer."""
        self.send_response(status)
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@dataclass(kw_only=True)
class Project:
    """A throw-away project around a copy of run.py."""

    folder: Path
    wheels: Path
    home: Path
    python: Path  # what runs run.py
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Write its files."""
        self.folder.mkdir(parents=True)
        self.home.mkdir(exist_ok=True)
        source = (ROOT / "run.py").read_text(encoding="utf-8")
        assert source.count("BUSY_SECONDS = 5.0") == 1
        hurried = source.replace("BUSY_SECONDS = 5.0", "BUSY_SECONDS = 0.3")
        (self.folder / "run.py").write_text(hurried, encoding="utf-8")
        (self.folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
        (self.folder / "backend.py").write_text(BACKEND, encoding="utf-8")
        self.write_lock()

    def write_lock(self, **wrong: str) -> None:
        """Lock both wheels; a keyword gives a package a hash of its own."""
        text = "# made by a test\n"
        for name, file in (("pip", PIP), ("tiny", TINY)):
            digest = wrong.get(name) or hashlib.sha256((self.wheels / file).read_bytes()).hexdigest()
            text += f"{name}=={file.split('-')[1]} \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{digest}\n"
        (self.folder / "requirements.lock").write_text(text, encoding="utf-8")

    def variables(self) -> dict[str, str]:
        """Give run.py a plain environment: no pip configuration of this machine, no cache, no compiling."""
        plain = {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "PIP_CONFIG_FILE": "/dev/null", "LC_ALL": "C.UTF-8"}
        return {**plain, "PIP_NO_CACHE_DIR": "1", "PIP_NO_COMPILE": "1", "PYTHONPATH": "/nowhere", **self.environment}

    def start(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start run.py."""
        return subprocess.Popen(
            [str(self.python), str(self.folder / "run.py"), *arguments],
            cwd=cwd or self.home,
            env=self.variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run run.py to its end."""
        with self.start(*arguments, cwd=cwd) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @property
    def stamp(self) -> Path:
        """What says that the environment is complete."""
        return self.folder / ".venv" / "run.py.stamp"

    def pretend_ready(self) -> None:
        """Put an environment there that passes for complete but holds no package."""
        subprocess.run([self.python, "-m", "venv", "--without-pip", self.folder / ".venv"], check=True)
        code = "import run; run.STAMP.write_text(run.expected_stamp())"
        variables = {**self.variables(), "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([self.python, "-c", code], cwd=self.folder, env=variables, check=True)


def make_bare_python(folder: Path) -> Path:
    """Make a Python without pip, as a minimal Debian has it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    found = shutil.which("python3", path=str(folder / "bin"))
    assert found
    return Path(found)
