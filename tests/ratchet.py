"""Scores of the present reading over the saved pages, pinned: they may rise by themselves and fall only when that is said.

``python3 run.py python -m tests.ratchet`` prints the scores beside the pinned ones; ``--update`` pins the present ones and refuses when one
of them, or what it is taken over, is less than before, or a case is gone; ``--allow-lower`` pins it all the same.

A score is ``[good, all]``: cells, attachments, citations and list lines found in both over those in either, other fields right over all
documents; the body is the F1 of the character 4-grams, summed. Groups are the templates, ``all``, and ``sentences`` (numbers and orders
cited in ``tests/citations/sentences.txt``).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import click

from govcrawl.cases import read_case
from govcrawl.citations import read_mentions
from govcrawl.extract import agree

TESTS = Path(__file__).parent
PINNED = TESTS / "ratchet.json"
PAGES = TESTS / "pages"
SENTENCES = TESTS / "citations" / "sentences.txt"

Score = tuple[float, float]
Scores = dict[str, dict[str, Score]]
Pinned = dict[str, Any]
"""``cases`` by template, ``scores`` by group and name: what ratchet.json holds."""

_EXACT = {
    "title": "title",
    "date": "publish_date",
    "time": "publish_time",
    "source": "source",
    "number": "document_number",
    "index": "index_number",
}
_CLOSE = 1e-6


def cases(pages: Path = PAGES) -> list[Path]:
    """All saved pages."""
    return sorted(path.parent for path in pages.glob("*/*/meta.json"))


def measure(pages: Path = PAGES, sentences: Path = SENTENCES) -> Pinned:
    """Read every case and sentence now, and score it against what is expected of it."""
    totals: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    names: dict[str, list[str]] = defaultdict(list)
    for case in cases(pages):
        template = case.parent.name
        names[template].append(case.name)
        for name, (good, whole) in score_case(case).items():
            for group in (template, "all"):
                totals[group][name][0] += good
                totals[group][name][1] += whole
    scores = {
        group: {name: (round(good, 4), whole) for name, (good, whole) in sorted(found.items())}
        for group, found in totals.items()
    }
    scores["sentences"] = score_sentences(sentences)
    return {"cases": dict(sorted(names.items())), "scores": dict(sorted(scores.items()))}


def score_case(case: Path) -> dict[str, Score]:
    """Score one case: a document field by field, a list by its lines, a page that must not be read by its error."""
    got = read_case(case)
    if (case / "error.json").exists():
        wanted = json.loads((case / "error.json").read_text("utf-8"))
        return {"error": (float(got.get("error") == wanted["error"]), 1)}
    wanted = json.loads((case / "expected.json").read_text("utf-8"))
    if json.loads((case / "meta.json").read_text("utf-8"))["kind"] == "list":
        return {"lines": _overlap(_lines(wanted), _lines(got))}
    scores = {name: (float(got.get(field) == wanted.get(field)), 1.0) for name, field in _EXACT.items()}
    scores["body_f1"] = (_body(wanted.get("text") or "", got.get("text") or ""), 1)
    scores["cells"] = _overlap(_cells(wanted), _cells(got))
    scores["attachments"] = _overlap(
        *(Counter(file["url"] for file in one.get("attachments") or []) for one in (wanted, got))
    )
    scores["citations"] = _overlap(*(Counter(one.get("cites") or []) for one in (wanted, got)))
    return scores


def score_sentences(path: Path) -> dict[str, Score]:
    """Precision and recall of numbers and orders, with the titles beside them, over the pinned sentences."""
    right = wanted = got = 0
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        sentence, _, stated = line.partition("\t")
        want = Counter(stated.split(" ; ") if stated else [])
        mentions = read_mentions(sentence.replace("⏎", "\n"))
        read = Counter(
            f"{one.normal}={one.title}" if one.title else one.normal
            for one in mentions
            if one.kind in {"document_number", "order"}
        )
        right += (want & read).total()
        wanted, got = wanted + want.total(), got + read.total()
    return {"precision": (right, got), "recall": (right, wanted)}


def lower(pinned: Pinned, now: Pinned) -> list[str]:
    """Say what is less than pinned, one line each: scores, what they are taken over, cases."""
    found = [
        f"case {template}/{name} is gone"
        for template, names in pinned["cases"].items()
        for name in sorted(set(names) - set(now["cases"].get(template, ())))
    ]
    for group, scores in pinned["scores"].items():
        for name, (good, whole) in scores.items():
            good_now, whole_now = now["scores"].get(group, {}).get(name, (0.0, 0.0))
            if _rate(good_now, whole_now) < _rate(good, whole) - _CLOSE:
                found.append(
                    f"{group} {name}: {_rate(good_now, whole_now):.4f} ({good_now:g} of {whole_now:g}),"
                    f" pinned {_rate(good, whole):.4f} ({good:g} of {whole:g})"
                )
            elif whole_now < whole and name != "precision":
                found.append(f"{group} {name}: taken over {whole_now:g}, pinned {whole:g}")
    return found


def read_pinned(path: Path = PINNED) -> Pinned:
    """The pinned cases and scores."""
    pinned: Pinned = json.loads(path.read_text("utf-8"))
    return pinned


def _rate(good: float, whole: float) -> float:
    return good / whole if whole else 1.0


def _body(wanted: str, got: str) -> float:
    return agree(wanted, got) if wanted or got else 1.0


def _lines(read: dict[str, Any]) -> Counter[str]:
    """The lines of a list as read; what cannot be read has none."""
    return Counter(json.dumps(line, sort_keys=True) for line in read.get("entries") or [])


def _cells(read: dict[str, Any]) -> Counter[tuple[int, int, int, str]]:
    """Cells with their places: a cell in the wrong row is wrong."""
    return Counter(
        (number, row, column, cell)
        for number, table in enumerate(read.get("tables") or [])
        for row, cells in enumerate(table)
        for column, cell in enumerate(cells)
    )


def _overlap(wanted: Counter[Any], got: Counter[Any]) -> Score:
    return float((wanted & got).total()), float((wanted | got).total())


@click.command()
@click.option("--update", is_flag=True, help="Pin the present scores.")
@click.option("--allow-lower", is_flag=True, help="Pin them also where they are lower, or cases are gone.")
def main(*, update: bool, allow_lower: bool) -> None:
    """Print the scores, or pin them."""
    now = measure()
    pinned = read_pinned() if PINNED.exists() else {"cases": {}, "scores": {}}
    for group, scores in now["scores"].items():
        click.echo(
            f"{group}: " + ", ".join(f"{name} {_rate(*score):.4f}/{score[1]:g}" for name, score in scores.items())
        )
    falls = lower(pinned, now)
    for line in falls:
        click.echo(f"lower: {line}", err=True)
    if allow_lower and not update:
        raise click.UsageError("--allow-lower goes with --update")
    if falls and not (update and allow_lower):
        raise click.ClickException("not pinned: mend the reading, or say --update --allow-lower and why in the commit")
    if update:
        PINNED.write_text(json.dumps(now, ensure_ascii=False, indent=1) + "\n", "utf-8")
        click.echo(f"pinned in {PINNED}")


if __name__ == "__main__":
    main()
