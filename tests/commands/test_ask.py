"""ask.py from its command line: what run_squad.py would answer, and what it says to a mistake."""

import json

import pytest

import ask
from tests.support import small
from tests.support.refusals import refusal
from zones.cells import BASELINE, NBEST, PREDICTIONS, cells_of, file_name
from zones.masks import ZONES


class Question:
    """A question to the small model, and what run_squad.py answers to it with each cell masked.

    Args:
        folder: where its files go.
        files: the small files.
        model: the folder of the small model.
        version_2: whether to answer by the rules of SQuAD 2.0.
        wanted: chooses the question and the cell: takes two answers, unmasked and masked.
    """

    def __init__(self, folder, files, model, version_2, wanted):
        self._model, self._predictions = model, folder / "prediction"
        status = small.run(
            files,
            model,
            do_sweep=True,
            write_nbest=True,
            prediction_dir=self._predictions,
            version_2_with_negative=version_2,
        )
        assert status == 0
        self._paragraph, self._qa, self.cell = next(
            (paragraph, qa, cell)
            for paragraph in small.data_set()["data"][0]["paragraphs"]
            for qa in paragraph["qas"]
            for cell in cells_of(2)
            if wanted(self._answers(BASELINE)[qa["id"]], self._answers(cell)[qa["id"]])
        )
        self._passage = folder / "passage.txt"
        self._passage.write_text(self._paragraph["context"] + "\n")
        self.mask = ["--mask_zone", self.cell.zone, "--mask_layer=%d" % self.cell.layer]

    def _answers(self, cell, kind=PREDICTIONS):
        return json.loads((self._predictions / file_name(kind, cell)).read_text())

    def answer(self, cell=BASELINE):
        return self._answers(cell)[self._qa["id"]]

    def probability(self, text, cell=BASELINE):
        entries = self._answers(cell, NBEST)[self._qa["id"]]
        return sum(entry["probability"] for entry in entries if entry["text"] == text)

    def argv(self, *more):
        question = ["--passage", str(self._passage), "--question", self._qa["question"]]
        return [str(self._model), *question, *more]


@pytest.fixture(scope="module")
def question(small_files, small_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("question")
    return Question(folder, small_files, small_model, False, lambda one, other: one != other)


def asked(capsys, argv):
    """The lines that ask.py prints."""
    capsys.readouterr()
    assert small.status_of(ask.main, argv) == 0
    return capsys.readouterr().out.splitlines()


def test_it_answers_as_run_squad_does_with_and_without_a_mask(question, capsys):
    unmasked, masked = question.answer(), question.answer(question.cell)
    probability = question.probability(unmasked, question.cell)
    shown = "probability %.3f" % probability if probability else "not in the n-best list"
    assert asked(capsys, question.argv(*question.mask)) == [
        "nothing masked: %s (probability %.3f)" % (unmasked, question.probability(unmasked)),
        "%s masked: %s (probability %.3f)"
        % (question.cell, masked, question.probability(masked, question.cell)),
        "%s masked: %s (%s)" % (question.cell, unmasked, shown),
    ]


def test_the_map_holds_the_change_of_the_unmasked_answer_for_every_cell(question, capsys):
    lines = asked(capsys, question.argv("--map"))
    text = question.answer()
    changes = {
        (cell.layer + 1, cell.zone): 100
        * (question.probability(text, cell) - question.probability(text))
        for cell in cells_of(2)
    }
    header, *rows = lines[-3:]
    assert header.split() == ["layer", *(zone.upper() for zone in ZONES)]
    assert [row.split()[0] for row in rows] == ["2", "1"]
    for row in rows:
        layer, *shown = row.split()
        wanted = [changes[int(layer), zone] for zone in ZONES]
        assert [float(value) for value in shown] == pytest.approx(wanted, abs=0.0051)
    assert any(abs(change) > 0.05 for change in changes.values())
    assert not any("-0.00" in row.split() for row in rows)


def test_the_map_takes_other_zones(question, capsys):
    lines = asked(capsys, question.argv("--map", "--zones=union,q2"))
    assert lines[-3].split() == ["layer", "UNION", "Q2"]


def test_zones_of_ones_own_are_masked_and_drawn(question, tmp_path, capsys):
    (tmp_path / "zones.json").write_text(
        '{"mine": [["any", "passage"]], "p": [["passage", "cls"]]}'
    )
    own = ["--zones_file", str(tmp_path / "zones.json")]
    mask = ["--mask_zone=mine", "--mask_layer=0"]
    lines = asked(capsys, question.argv(*own, *mask, "--map", "--zones=mine,p,q2"))
    assert lines[1].startswith("mine in layer 0 masked: ")
    header, *rows = lines[-3:]
    assert header.split() == ["layer", "MINE", "P", "Q2"]
    assert any(float(row.split()[1]) != 0 for row in rows)


def test_the_map_becomes_a_picture(question, tmp_path, capsys):
    path = tmp_path / "map.png"
    lines = asked(capsys, question.argv("--map", str(path)))
    assert lines[-1] == "wrote %s" % path
    assert path.read_bytes().startswith(b"\x89PNG")


def test_of_squad_2_there_may_be_no_answer(small_files, small_model, tmp_path, capsys):
    question = Question(tmp_path, small_files, small_model, True, lambda one, other: not other)
    lines = asked(capsys, question.argv("--version_2_with_negative=True", *question.mask))
    probability = question.probability("", question.cell)
    assert lines[1] == "%s masked: (no answer) (probability %.3f)" % (question.cell, probability)


def test_it_says_how_to_convert_a_directory_of_the_hub(question, tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    line = refusal(capsys, ask.main, tmp_path, *question.argv()[1:])
    assert "python convert_checkpoint.py %s my-reader" % tmp_path in line


@pytest.mark.parametrize(
    "changed, said",
    [
        (["--passage", "{tmp}/none.txt"], "--passage: "),
        (["--passage", "{tmp}/empty.txt"], "empty.txt is empty"),
        (["--passage", "{tmp}/blank.txt"], "blank.txt is empty"),
        (["--question", "  "], "--question is empty"),
        (["--mask_zone=q2,p2q"], "for several give --map --zones=q2,p2q"),
        (["--mask_zone=p2q", "--mask_layer=2"], "the model has layers 0 to 1, not 2"),
        (["--mask_zone=p2q", "--mask_head=2"], "the model has heads 0 to 1, not 2"),
        (["--mask_layer=0"], "add --mask_zone"),
        (["--mask_zone=p3"], "there is no zone 'p3'"),
        (["--zones=q2"], "add --map"),
        (["--map", "--zones=q3"], "--zones: there is no zone 'q3'"),
        (["--map", "map.txt"], "--map: map.txt does not end in one of"),
        (["--dataset=triviaqa"], "there is no data set 'triviaqa'"),
    ],
)
def test_mistakes_are_refused_in_one_line(question, changed, said, tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "blank.txt").write_text(" \n")
    changed = [text.format(tmp=tmp_path) for text in changed]
    assert said in refusal(capsys, ask.main, *question.argv(*changed))


def test_texts_of_signs_that_are_not_shown_are_refused(question, tmp_path, capsys):
    path = tmp_path / "unseen.txt"
    path.write_text("\u200b \u2060\n", encoding="utf-8")
    for name, given in (("--passage", str(path)), ("--question", "\u200b\u200b")):
        assert small.status_of(ask.main, question.argv(name, given)) == 2
        out, err = capsys.readouterr()
        assert "%s: there is nothing in it to read" % name in err.splitlines()[-1]
        assert out == ""


def test_a_folder_that_is_none_or_holds_no_reader_is_refused(question, tmp_path, capsys):
    rest = question.argv()[1:]
    assert "there is no folder" in refusal(capsys, ask.main, tmp_path / "none", *rest)
    assert "there is no reader in" in refusal(capsys, ask.main, tmp_path, *rest)
