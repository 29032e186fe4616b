"""run_squad.py, convert_checkpoint.py and ask.py on readers whose files were damaged at random.

Either the answers are those of the whole reader, or one line says what is wrong with which file.
"""

import shutil

import pytest
from hypothesis import strategies as st

import ask
import convert_checkpoint
import run_squad
from tests.support import small
from tests.support.fuzz import fuzzed, run

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:44\nsize 43\n"
NAMES = ("model.ckpt-12.index", "model.ckpt-12.data-00000-of-00001", "checkpoint", "reader.json")


@st.composite
def damages(draw):
    """A function: content of a file -> what became of it; None where it is gone."""
    kind = draw(st.sampled_from(["flipped"] * 4 + ["otherwise", "otherwise", "gone"]))
    if kind == "gone":
        return lambda content: None
    if kind == "otherwise":
        share = draw(st.floats(0, 1))
        other = draw(st.sampled_from([b"", b"<html>", POINTER, b"\0" * 99]))
        return lambda content: other or content[: int(share * len(content))]
    places = draw(st.lists(st.tuples(st.floats(0, 0.999999), st.integers(1, 255)), min_size=1))

    def flip(content):
        content = bytearray(content)
        for place, bits in places:
            content[int(place * len(content))] ^= bits
        return bytes(content)

    return flip


def check(folder, model, paths, drawn):
    name, change = drawn
    place, out, hub = (folder / part for part in ("fuzzed_model", "fuzzed_out", "fuzzed_hub"))
    for path in (place, out, hub):
        shutil.rmtree(str(path), ignore_errors=True)
    shutil.copytree(str(model), str(place))
    content = change((place / name).read_bytes())
    (place / name).unlink()
    if content is not None:
        (place / name).write_bytes(content)
    flags = small.flags(paths, place, do_predict=True, prediction_dir=out)
    status, printed, said = run(run_squad.main, *flags)
    assert "Traceback" not in said and printed == ""
    if status == 0:
        expected = (model / "predictions.json").read_bytes()
        assert (out / "predictions.json").read_bytes() == expected
    else:
        assert status == 2
        assert "--output_dir" in said.splitlines()[-1]
        assert not list(out.glob("*.json"))
    status, printed, said = run(convert_checkpoint.main, "--to-safetensors", place, hub)
    assert "Traceback" not in said and printed == ""
    if status:
        assert status == 2
        assert "OUTPUT_DIR" in said.splitlines()[-1]
    assert (hub / "model.safetensors").exists() == (status == 0)


def check_question(folder, model, drawn):
    """What ask.py answers may be another thing, if vocabulary or configuration are."""
    name, change, passage = drawn
    place, text = folder / "fuzzed_model", folder / "passage.txt"
    shutil.rmtree(str(place), ignore_errors=True)
    shutil.copytree(str(model), str(place))
    content = change((place / name).read_bytes())
    (place / name).unlink()
    if content is not None:
        (place / name).write_bytes(content)
    text.write_bytes(passage)
    status, printed, said = run(ask.main, place, "--passage", text, "--question", "who built it ?")
    assert "Traceback" not in said
    if status == 0:
        assert printed.startswith("nothing masked: ") and printed.endswith(")\n")
    else:
        line = said.splitlines()[-1]
        assert (status, printed) == (2, "") and (str(place) in line or str(text) in line)


@pytest.fixture(scope="module")
def decoded(small_files, small_model, tmp_path_factory):
    """A reader with one checkpoint, and its answers."""
    folder = tmp_path_factory.mktemp("decoded") / "model"
    shutil.copytree(str(small_model), str(folder))
    for path in folder.glob("model.ckpt-[06]*"):
        path.unlink()
    assert small.run(small_files, folder, do_predict=True) == 0
    return folder


DRAWN, NEEDED = st.tuples(st.sampled_from(NAMES), damages()), ("decoded", "small_files")
test_whatever_comes_is_the_reader_or_one_line = fuzzed(DRAWN, check, 6, *NEEDED)
test_whatever_comes_is_the_reader_or_one_line_long = pytest.mark.slow(
    fuzzed(DRAWN, check, 300, *NEEDED)
)

PASSAGES = st.one_of(st.just(b"Anna built the old tower in Rome ."), st.binary(max_size=40))
ASKED = st.tuples(st.sampled_from((*NAMES, "vocab.txt", "bert_config.json")), damages(), PASSAGES)
test_whatever_is_asked_is_answered_or_one_line = pytest.mark.slow(
    fuzzed(ASKED, check_question, 300, "decoded")
)
