"""run_squad.py, convert_checkpoint.py and ask.py on readers whose files were damaged at random.

Either the answers are those of the whole reader, or one line says what is wrong with which file.
"""

import json
import shutil

import pytest
from hypothesis import strategies as st

import ask
import convert_checkpoint
import run_squad
from tests.support import small
from tests.support.fuzz import files_after, fuzzed, run

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:44\nsize 43\n"
PASSAGES = st.one_of(st.just(b"Anna built the old tower in Rome ."), st.binary(max_size=40))
PLACES = st.floats(0, 0.999999)
NAMES = ("model.ckpt-12.index", "model.ckpt-12.data-00000-of-00001", "checkpoint", "reader.json")


@st.composite
def damages(draw, content):
    """What became of the bytes of a file; None where it is gone."""
    kind = draw(st.sampled_from(["flipped"] * 3 + ["otherwise", "otherwise", "values", "gone"]))
    if kind == "gone":
        return None
    if kind == "values" and content.startswith(b"{"):
        return draw(files_after([json.loads(content.decode())]))
    if kind == "otherwise":
        other = draw(st.sampled_from([b"", b"<html>", POINTER, b"\0" * 99]))
        return other or content[: int(draw(st.floats(0, 1)) * len(content))]
    content = bytearray(content)
    for place, bits in draw(st.lists(st.tuples(PLACES, st.integers(1, 255)), min_size=1)):
        content[int(place * len(content))] ^= bits
    return bytes(content)


def copy_changed(folder, model, names, data):
    """A copy of the reader in which one of the files is another."""
    place, name = folder / "fuzzed_model", data.draw(st.sampled_from(names))
    shutil.rmtree(str(place), ignore_errors=True)
    shutil.copytree(str(model), str(place))
    content = data.draw(damages((model / name).read_bytes()))
    (place / name).unlink()
    if content is not None:
        (place / name).write_bytes(content)
    return place


def check(folder, model, paths, data):
    """The answers and the weights are those of the reader, or it is refused."""
    place = copy_changed(folder, model, NAMES, data)
    out, hub = folder / "fuzzed_out", folder / "fuzzed_hub"
    for path in (out, hub):
        shutil.rmtree(str(path), ignore_errors=True)
    # Flags say what its note may say otherwise.
    said_in_note = json.loads((model / "reader.json").read_text())["flags"]
    flags = dict(said_in_note, do_predict=True, prediction_dir=out)
    flags = small.flags(paths, place, **flags)
    status, printed, said = run(run_squad.main, *flags)
    assert "Traceback" not in said and printed == ""
    if status == 0:
        expected = (model / "predictions.json").read_bytes()
        assert (out / "predictions.json").read_bytes() == expected
    else:
        assert status == 2
        assert "--" in said.splitlines()[-1]
        assert not list(out.glob("*.json"))
    status, printed, said = run(convert_checkpoint.main, "--to-safetensors", place, hub)
    assert "Traceback" not in said and printed == ""
    if status:
        assert status == 2
        assert "OUTPUT_DIR" in said.splitlines()[-1] or "--" in said.splitlines()[-1]
    assert (hub / "model.safetensors").exists() == (status == 0)


def check_question(folder, model, data):
    """What ask.py answers may be another thing, if vocabulary or configuration are."""
    place = copy_changed(folder, model, (*NAMES, "vocab.txt", "bert_config.json"), data)
    text = folder / "passage.txt"
    text.write_bytes(data.draw(PASSAGES))
    status, printed, said = run(ask.main, place, "--passage", text, "--question", "who built it ?")
    assert "Traceback" not in said
    if status == 0:
        assert printed.startswith("nothing masked: ") and printed.endswith(")\n")
    else:
        line = said.splitlines()[-1]
        assert (status, printed) == (2, "") and (str(place) in line or "--passage" in line)


@pytest.fixture(scope="module")
def decoded(small_files, small_model, tmp_path_factory):
    """A reader with one checkpoint, and its answers."""
    folder = tmp_path_factory.mktemp("decoded") / "model"
    shutil.copytree(str(small_model), str(folder))
    for path in folder.glob("model.ckpt-[06]*"):
        path.unlink()
    assert small.run(small_files, folder, do_predict=True) == 0
    return folder


NEEDED = ("decoded", "small_files")
test_whatever_comes_is_the_reader_or_one_line = fuzzed(st.data(), check, 4, *NEEDED)
test_whatever_comes_is_the_reader_or_one_line_long = pytest.mark.slow(
    fuzzed(st.data(), check, 300, *NEEDED)
)
test_whatever_is_asked_is_answered_or_one_line = pytest.mark.slow(
    fuzzed(st.data(), check_question, 300, "decoded")
)
