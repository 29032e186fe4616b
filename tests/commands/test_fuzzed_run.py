"""run_squad.py through its main, up to where it would build a graph, its files damaged at random.

Its batch is larger than any of the files, so that every run ends in one line: of the damage, or of
the batch.
"""

import contextlib
import json
import shutil

import pytest
from hypothesis import strategies as st

import run_squad
from tests.commands.test_fuzzed_data import ALL_CHINESE, ENGLISH
from tests.support import small
from tests.support.fuzz import damaged, files_after, fuzzed, run

VOCABULARY = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *small.WORDS]).encode() + b"\n"


@st.composite
def inputs(draw):
    """dict flag -> bytes of its file, most of them as they should be."""
    data = ENGLISH + ALL_CHINESE
    files = {
        "train_file": json.dumps(draw(st.sampled_from(data))).encode(),
        "predict_file": json.dumps(draw(st.sampled_from(data))).encode(),
        "bert_config_file": json.dumps(small.CONFIG).encode(),
        "vocab_file": VOCABULARY,
    }
    for name in draw(st.sets(st.sampled_from(sorted(files)), max_size=2)):
        if name == "vocab_file":
            files[name] = damaged(draw, VOCABULARY)
        else:
            files[name] = draw(files_after([small.CONFIG] if name == "bert_config_file" else data))
    return files, draw(st.sampled_from(["squad", "cmrc2018"])), draw(st.booleans())


def check(folder, drawn):
    files, data_set, version_2 = drawn
    for name, content in files.items():
        (folder / name).write_bytes(content)
    out = folder / "fuzzed_output"
    flags = ["--%s=%s" % (name, folder / name) for name in files]
    flags += ["--output_dir=%s" % out, "--do_train=True", "--do_predict=True"]
    flags += ["--max_seq_length=32", "--train_batch_size=1000000", "--do_lower_case=False"]
    flags += ["--dataset=" + data_set, "--version_2_with_negative=%s" % version_2]
    status, printed, said = run(run_squad.main, *flags)
    last = said.splitlines()[-1]
    assert (status, printed) == (2, "") and "Traceback" not in said
    flags_named = [name for name in files if "--" + name in last]
    other = ("--do_lower_case", "--version_2_with_negative", "--max_seq_length")
    assert flags_named or any(flag in last for flag in other)
    assert not out.exists() or not list(out.iterdir())
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(str(out))


test_whatever_comes_is_one_line = fuzzed(inputs(), check, 100)
test_whatever_comes_is_one_line_long = pytest.mark.slow(fuzzed(inputs(), check, 1000))
