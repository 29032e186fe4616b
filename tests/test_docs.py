"""The README and docs/: short enough, every link leads somewhere, every command is there."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = sorted(ROOT.glob("*.md")) + sorted(
    path for folder in ("docs", "benchmarks") for path in (ROOT / folder).rglob("*.md")
)


def anchors(path):
    """The anchors that a Markdown page has for its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_read_in_one_sitting():
    assert len(README.read_text("utf-8")) <= 11000


def test_each_page_is_found_from_the_readme():
    text = README.read_text("utf-8")
    pages = [path for path in (ROOT / "docs").glob("*.*") if path.suffix in (".md", ".ipynb")]
    assert pages
    missing = [page.name for page in pages if "](docs/%s)" % page.name not in text]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = page.read_text("utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"src=\"([^\"]+)\"", text)
    dead = []
    for link in links:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_are_named_exist(page):
    text = page.read_text("utf-8")
    commands = re.findall(r"\b(?:python|bash) ([\w/]+\.(?:py|sh))\b", text)
    missing = sorted({name for name in commands if not (ROOT / name).exists()})
    assert not missing
    modules = re.findall(r"python -m ((?:benchmarks|demo)\.\w+)", text)
    assert all((ROOT / (name.replace(".", "/") + ".py")).exists() for name in modules)
    targets = re.findall(r"^ +make ([a-z-]+)", text, re.M)
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(r"^%s:" % target, makefile, re.M) for target in targets)


def test_the_notebook_holds_its_outputs_as_they_came():
    notebook = json.loads((ROOT / "docs" / "attention_zones.ipynb").read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    # Neither a warning nor a path of the machine that it was run on.
    assert not re.search(r"WARNING|Traceback|\"/|/tmp/|/home/", json.dumps(outputs))
