"""Five readers of the hub against what transformers and torch compute for them, masked and not."""

import json
import re
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from tokenizers import Tokenizer

import convert_checkpoint
import run_squad
from common.configuration import BertConfig
from hub import tokenizers
from spans.windows import make_windows
from squad.examples import read_examples
from tests.support import small
from zones import sweep
from zones.batch import Batch
from zones.cells import BASELINE, Cell
from zones.masks import PASSAGE
from zones.reader import Reader

tf.disable_v2_behavior()

KINDS = ("bert", "electra", "distilbert", "albert", "roberta")
# Those of the goldens.
SIZES = dict(max_seq_length=192, doc_stride=64, max_query_length=64)


class Converted:
    """A golden reader, what convert_checkpoint.py makes of it, and its windows."""

    def __init__(self, folder, out):
        self.folder, self.out = folder, out
        arguments = [str(folder / "model"), str(out)]
        assert small.status_of(convert_checkpoint.main, arguments) == 0
        self.config = BertConfig.from_file(str(out / "bert_config.json"))
        self.note = json.loads((out / "reader.json").read_text())["flags"]
        (self.vocabulary,) = [
            out / n for n in ("vocab.txt", "tokenizer.json") if (out / n).exists()
        ]
        settings = {name: value for name, value in self.note.items() if name != "score_padding"}
        settings.setdefault("do_lower_case", True)
        self._tokenizer = tokenizers.load(self.vocabulary, **settings)
        self.windows = self.windows_of(folder / "questions.json")

    def windows_of(self, path):
        """The windows of a data file."""
        examples = read_examples(str(path), False, False)
        return make_windows(examples, self._tokenizer, is_training=False, **SIZES)

    def window(self, question, number):
        """One window, by the number of its question and its own among that question's."""
        return [w for w in self.windows if w.example_index == question][number]

    def flags(self, **more):
        """The command line of run_squad.py for the reader and the golden questions."""
        noted = {n: v for n, v in self.note.items() if v is not None}
        given = dict(
            SIZES,
            vocab_file=self.vocabulary,
            bert_config_file=self.out / "bert_config.json",
            output_dir=self.out,
            predict_file=self.folder / "questions.json",
        )
        return ["--%s=%s" % item for item in dict(given, **noted, **more).items()]


@pytest.fixture(scope="module", params=KINDS)
def converted(request, shared, tmp_path_factory):
    folder = shared / "golden" / "hub" / (request.param + "-qa")
    return Converted(folder, tmp_path_factory.mktemp("converted") / request.param)


def test_windows_are_the_same(converted):
    expected = json.loads((converted.folder / "expected" / "windows.json").read_text())
    expected = [window for question in expected for window in question["windows"]]
    assert len(converted.windows) == len(expected)
    for window, golden in zip(converted.windows, expected):
        count = window.token_roles.count(PASSAGE)
        shown = slice(window.passage_start, window.passage_start + count)
        context = window.token_is_max_context[window.first_passage_token :][:count]
        assert window.input_ids == golden["input_ids"]
        assert "".join(map(str, window.token_roles)) == golden["roles"]
        assert window.passage_start == golden["passage_start"]
        assert window.first_passage_token == golden["first_passage_position"]
        assert [list(pair) for pair in window.passage.offsets[shown]] == golden["offsets"]
        assert "".join("%d" % is_best for is_best in context) == golden["max_context"]


def test_robertas_older_form_of_tokenizer_gives_the_same_windows(shared, tmp_path):
    """vocab.json and merges.txt, without a tokenizer.json."""
    golden, folder = shared / "golden" / "hub" / "roberta-qa", tmp_path / "older"
    (folder / "model").mkdir(parents=True)
    for path in (golden / "model").iterdir():
        if not path.name.startswith("tokenizer"):
            shutil.copy(str(path), str(folder / "model"))
    shutil.copy(str(golden / "questions.json"), str(folder))
    expected = json.loads((golden / "expected" / "windows.json").read_text())
    expected = [window["input_ids"] for question in expected for window in question["windows"]]
    assert [window.input_ids for window in Converted(folder, tmp_path / "out").windows] == expected


def test_what_the_vocabulary_lacks_is_unknown_in_questions_too(converted, tmp_path, capsys):
    """Against the library itself, which has the text in the place of an unknown piece."""
    question, passage = "Who built 塔, and 谁?", "The 塔 was built by 张三 in 1901."
    qas = [{"id": "q", "question": question, "answers": []}]
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": passage, "qas": qas}]}]}))
    (window,) = converted.windows_of(path)
    library = Tokenizer.from_file(str(converted.folder / "model" / "tokenizer.json"))
    assert window.input_ids == library.encode(question, passage).ids
    if "roberta" not in converted.out.name:  # to bytes nothing is unknown
        assert "does not know" in capsys.readouterr().err


# Logits -----------------------------------------------------------------------------------------

CELL = re.compile(
    r"w\d+_(?:layers?(?P<layer>\d+|_all)(?:-(?P<last>\d+))?(?:_head(?P<head>\d+))?_(?P<zone>\w+)"
    r"|baseline)"
)


def cell_of(key):
    """The cell that an array of the goldens is of."""
    match = CELL.fullmatch(key)
    number = {part: match.group(part) for part in ("layer", "last", "head", "zone")}
    if number["zone"] is None:
        return BASELINE
    layer = None if number["layer"] == "_all" else int(number["layer"])
    last, head = (None if number[part] is None else int(number[part]) for part in ("last", "head"))
    return Cell(layer, number["zone"], last, head)


class Session:
    """A reader's weights in a session; reads windows with any cell."""

    def __init__(self, converted, cells):
        self._inputs = [tf.placeholder(tf.int32, [1, None]) for _ in range(4)]
        reader = Reader(converted.config)
        batch = Batch(*self._inputs)
        self.plain = {cell: reader.read(batch, cell) for cell in (BASELINE, cells[-1])}
        self.swept = sweep.read_cells(reader, batch, [BASELINE, *cells])
        self._session = tf.Session()
        saver = tf.train.Saver(tf.trainable_variables())
        saver.restore(self._session, str(converted.out / "bert_model.ckpt"))

    def logits(self, tensors, window, length):
        """Those of the window's own tokens, ``[tokens, 2]``, for each of the tensors."""
        rows = (
            window.input_ids,
            [1] * len(window.input_ids),
            window.segment_ids,
            window.token_roles,
        )
        padded = [[list(row) + [0] * (length - len(row))] for row in rows]
        found = self._session.run(tensors, dict(zip(self._inputs, padded)))
        return {cell: array[0, : len(window.input_ids)] for cell, array in found.items()}


@pytest.mark.parametrize("name", ["logits", "heads", "spans"])
def test_logits_are_the_same(converted, name):
    path = converted.folder / "expected" / (name + ".npz")
    if not path.exists():
        pytest.skip("only of one reader")
    expected = np.load(path)
    keys = [key for key in expected.files if key.startswith("w") and key != "windows"]
    padded = [key for key in keys if "_padded_" in key]
    cells = sorted({cell_of(key.replace("_padded", "")) for key in keys} - {BASELINE}, key=str)
    worst = {False: 0.0, True: 0.0}
    with tf.Graph().as_default():
        session = Session(converted, cells)
        for number, place in enumerate(expected["windows"]):
            window = converted.window(*place)
            for length, chosen in (
                (len(window.tokens), [key for key in keys if key not in padded]),
                (SIZES["max_seq_length"], padded),
            ):
                of_window = [key for key in chosen if key.startswith("w%d_" % number)]
                if not of_window:
                    continue
                found = [session.logits(t, window, length) for t in (session.swept, session.plain)]
                for key in of_window:
                    cell = cell_of(key.replace("_padded", ""))
                    for logits in found:
                        if cell in logits:
                            difference = np.abs(logits[cell] - expected[key]).max()
                            sees = cell.zone == "all"
                            worst[sees] = max(worst[sees], difference)
    print(
        "%s %s: largest difference %.2g, of all %.2g" % (converted.out.name, name, *worst.values())
    )
    assert worst[False] < 1e-4
    assert worst[True] < 1e-2


# Answers ----------------------------------------------------------------------------------------


def differing(converted, folder, name):
    """How many answers of a prediction file are not the golden ones."""
    found = json.loads((folder / name).read_text())
    expected = json.loads((converted.folder / "expected" / name).read_text())
    assert list(found) == list(expected)
    return sum(found[question] != answer for question, answer in expected.items())


# The byte-level one, whose text differs most; what else differs, the logits show.
@pytest.mark.parametrize(
    "converted",
    [kind if kind == "roberta" else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS],
    indirect=True,
)
def test_answers_of_a_sweep_and_of_a_single_cell_are_the_same(converted, tmp_path, capsys):
    zones = dict(do_sweep=True, mask_zone="q2p,p2q,p2,union", prediction_dir=tmp_path)
    assert small.status_of(run_squad.main, converted.flags(**zones)) == 0
    names = [path.name for path in (converted.folder / "expected").glob("predictions*.json")]
    assert len(names) == 6
    assert [differing(converted, tmp_path, name) for name in sorted(names)] == [0] * 6
    alone = dict(do_predict=True, mask_zone="p2", mask_layer=2, prediction_dir=tmp_path / "alone")
    says_all = converted.vocabulary.name == tokenizers.LIBRARY_FILE
    alone.update({"do_lower_case": False} if says_all else {})
    capsys.readouterr()
    assert small.status_of(run_squad.main, converted.flags(**alone)) == 0
    assert ("--do_lower_case plays no part" in capsys.readouterr().err) == says_all
    assert differing(converted, tmp_path / "alone", "predictions_layer2_p2.json") == 0
