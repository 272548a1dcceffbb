"""What the documents say exists: links, files, tests, commands, extras; and lines that a terminal shows whole."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

import pytest

from disco_dock.cli.main import COMMANDS, build_parser

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
MODEL_CARD = ROOT / "disco_dock" / "checkpoints" / "default" / "MODEL_CARD.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").glob("*.md"), MODEL_CARD])
MAX_COLUMNS = 120
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def each_page(pages=PAGES):
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page()
def test_links_lead_somewhere(page):
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target = match.group(1) or match.group(2)
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name} links to {target}"


@each_page([page for page in PAGES if page.name != "CHANGELOG.md"])
def test_source_files_that_are_named_exist(page):
    for name in re.findall(r"`(?:python )?([\w./]+/[\w.]+\.(?:py|c|h|json|yaml))\b", page.read_text(encoding="utf-8")):
        if (ROOT / name.split("/")[0]).is_dir() or (ROOT / "disco_dock" / name.split("/")[0]).is_dir():
            assert (ROOT / name).exists() or (ROOT / "disco_dock" / name).exists(), f"{page.name} names {name}"


@cache
def test_names() -> frozenset[str]:
    found = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        found.add(file.name)
        found.update(re.findall(r"^ *def (test_\w+)", file.read_text(encoding="utf-8"), flags=re.MULTILINE))
    return frozenset(found)


test_names.__test__ = False  # a helper, whatever its name


@each_page()
def test_tests_that_are_named_exist(page):
    for name, cut in re.findall(r"\b(test_\w+(?:\.py)?)(\.\.\.)?", page.read_text(encoding="utf-8")):
        known = test_names()
        assert name in known or (cut and any(other.startswith(name) for other in known)), f"{page.name} names {name}"


def commands(page: Path) -> list[str]:
    """Command lines of disco-dock in a page's code blocks and backticks, continued lines joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^(?:    |\$ )?(?:.*(?:&&|\|) )?(disco-dock [a-z].*)$", text, flags=re.MULTILINE)
    return [re.sub(r"#.*", "", line) for line in blocks + re.findall(r"`(disco-dock [a-z][^`]*)`", text)]


@cache
def options(command: str) -> frozenset[str]:
    """All options of a command and its subcommands."""
    found: set[str] = set()
    parsers = [build_parser(command)._subparsers._group_actions[0].choices[command]]
    while parsers:
        parser = parsers.pop()
        for action in parser._actions:
            found.update(action.option_strings)
            if isinstance(action.choices, dict):
                parsers += action.choices.values()
    return frozenset(found)


@each_page([page for page in PAGES if page.name != "CHANGELOG.md"])
def test_commands_and_options_exist(page):
    for line in commands(page):
        words = line.split()
        for command in words[1].split("|"):
            assert command in COMMANDS, line
            for option in re.findall(r"(?<=\s)--?[a-z][\w-]*", line):
                assert option in options(command), line


def test_readme_explains_every_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("## Extras")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(extras)


@each_page()
def test_lines_fit(page):
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith(("|", "![")):
            assert len(line) <= MAX_COLUMNS, f"line {number}"
