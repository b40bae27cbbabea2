"""What thousands of agencies cost at the start: ``python3 run.py python -m benchmarks.loader [--agencies N] [--repeat K]``.

Writes N agency files into a temporary folder and times three commands, each in a process of its own, with the project's own
agencies alone and with the N others beside them: ``scrapy list``, the start of ``scrapy crawl`` of one agency up to the refusal of
a wrong argument (everything before the first request), and, for comparison, ``scrapy list`` with Scrapy's own loader.
The exit code is 1 when the N agencies cost more than 0.5 s.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
MOST_SECONDS = 0.5
PACKAGE = "many_agencies"
FILE = '''"""示例市司法局 {number}, a fictional agency of a benchmark."""

from spiders.templates.trt import FujianTrt


class {name}(FujianTrt):
    """示例市司法局 {number}."""

    name = "{name}"
    agency = "示例市司法局"
    base_url = "http://sfj{number}.example"
    channels = {{
        "公告公示": "/zwgk/gsgg/",
        "规划计划": "/zwgk/ghjh/",
        "政策法规": "/zwgk/zcfg/",
        "政策解读": "/zwgk/zcjd/",
        "财政信息": "/zwgk/czxx/",
        "行政处罚": "/zwgk/xzcf/",
    }}
'''


def write_agencies(folder: Path, number: int) -> str:
    """Write ``number`` agencies as a package into ``folder``; return the name of the last one."""
    package = folder / PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    for place in range(number):
        name = f"example{place:05d}_sfj"
        (package / f"{name}.py").write_text(FILE.format(name=name, number=place), "utf-8")
    return name


def run_seconds(arguments: list[str], modules: str, folder: Path, exit_code: int) -> float:
    """Run one Scrapy command; return how long it took."""
    environment = {**os.environ, "SCRAPY_SETTINGS_MODULE": "govcrawl.settings", "PYTHONPATH": f"{folder}:{ROOT}"}
    command = [sys.executable, "-m", "scrapy", *arguments, "-s", f"SPIDER_MODULES={modules}"]
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    seconds = time.perf_counter() - began
    if done.returncode != exit_code:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}, expected {exit_code}:\n{done.stderr}")
    return seconds


def main() -> int:
    """Time the commands and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--agencies", type=int, default=3000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        last = write_agencies(folder, options.agencies)
        few, many = "spiders", f"spiders,{PACKAGE}"
        scrapys = ["-s", "SPIDER_LOADER_CLASS=scrapy.spiderloader.SpiderLoader"]
        cases = {
            "scrapy list": (["list"], ["list"], 0),
            "start of scrapy crawl": (
                ["crawl", "xiamen_sfj", "-a", "mode=none"],
                ["crawl", last, "-a", "mode=none"],
                2,
            ),
            "scrapy list, Scrapy's loader": (["list", *scrapys], ["list", *scrapys], 0),
        }
        print(f"{options.agencies} agencies beside the project's own, median of {options.repeat} runs, seconds")
        print(f"{'':<30}{'own only':>10}{'with them':>11}{'more':>8}")
        worst = 0.0
        for name, (with_few, with_many, code) in cases.items():
            run_seconds(with_many, many, folder, code)  # once for the byte code
            pairs = [
                (run_seconds(with_few, few, folder, code), run_seconds(with_many, many, folder, code))
                for _ in range(options.repeat)
            ]
            one, other = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
            print(f"{name:<30}{one:>10.2f}{other:>11.2f}{other - one:>8.2f}")
            if "Scrapy's" not in name:
                worst = max(worst, other - one)
    return 0 if worst <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
