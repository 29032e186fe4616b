"""The walk through SQuAD's JSON: what it needs, and one of its kind."""

import ast
import re
import subprocess
import sys

from tests.conftest import ROOT

WALKERS = ("paragraphs", "qas", "answer_start", "query_id", "context_text")
FOLDERS = "squad cmrc2018 spans zones running maps common hub scripts".split()


def test_it_needs_pythons_own_library_only():
    """scripts/download.py asks it before anything is installed."""
    code = (
        "import sys; sys.path.insert(0, %r); known = set(sys.modules)\n"
        "import squad.format; print(sorted({m.split('.')[0] for m in set(sys.modules) - known}))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code % str(ROOT)], stdout=subprocess.PIPE, check=True
    )
    loaded = set(ast.literal_eval(done.stdout.decode()))
    assert {"squad", "common", "json"} <= loaded
    assert not loaded & {"numpy", "tensorflow", "tqdm", "pandas", "spans", "cmrc2018"}


def test_nobody_else_walks_through_the_json():
    modules = [path for name in FOLDERS for path in (ROOT / name).rglob("*.py")]
    modules += ROOT.glob("*.py")
    assert len(modules) > 40
    found = {}
    for path in modules:
        names = set(re.findall(r'"(\w+)"', path.read_text(encoding="utf-8")))
        if names & set(WALKERS):
            found[str(path.relative_to(ROOT))] = names & set(WALKERS)
    assert sorted(found) == ["cmrc2018/format.py", "squad/format.py"]
