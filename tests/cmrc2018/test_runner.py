"""run_squad.py on CMRC 2018: the published answers, a training of a few steps, and the metric."""

import json
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import eval_cmrc2018
import get_results
import run_squad
from running import input as records
from running import training
from spans import data_sets, scores
from tests.running import test_xla
from tests.support import chinese, small
from zones.cells import BASELINE, NBEST, PREDICTIONS, Cell, cells_of, file_name

MOST_DIFFERENT = 0.01


def read(folder, cell=BASELINE, kind=PREDICTIONS):
    return json.loads((folder / file_name(kind, cell)).read_text())


# Goldens ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def golden_run(shared, tmp_path_factory):
    """Runs run_squad.py on a fifth of the golden questions; returns the folder of predictions."""
    golden = shared / "golden" / "zh"
    folder = tmp_path_factory.mktemp("zh")
    shutil.copytree(str(golden / "checkpoint"), str(folder / "model"))
    document = json.loads((golden / "questions.json").read_text(encoding="utf-8"))
    (folder / "questions.json").write_text(json.dumps({"data": document["data"][::5]}))

    def run(name, **more):
        flags = dict(
            dataset="cmrc2018",
            vocab_file=shared / "data" / "bert-base-chinese-vocab.txt",
            bert_config_file=golden / "checkpoint" / "bert_config.json",
            predict_file=folder / "questions.json",
            output_dir=folder / "model",
            prediction_dir=folder / name,
            do_lower_case=True,
            max_seq_length=256,
            doc_stride=96,
            predict_batch_size=64,
        )
        flags.update(more)
        assert small.status_of(run_squad.main, ["--%s=%s" % item for item in flags.items()]) == 0
        return folder / name

    return run


@pytest.fixture(scope="module")
def golden_sweep(golden_run):
    return golden_run("sweep", do_sweep=True)


def differences(shared, folder, cell):
    """How many answers differ from the published ones, of how many."""
    path = shared / "golden" / "zh" / "expected" / file_name(PREDICTIONS, cell)
    expected, found = json.loads(path.read_text()), read(folder, cell)
    assert len(found) == 26
    return sum(found[key] != expected[key] for key in found), len(found)


def test_a_sweep_gives_the_published_answers(shared, golden_sweep):
    cells = [BASELINE] + cells_of(3)
    assert len(list(golden_sweep.glob("predictions*.json"))) == len(cells) == 16
    for cell in cells:
        different, total = differences(shared, golden_sweep, cell)
        assert different <= MOST_DIFFERENT * total, cell
    published = shared / "golden" / "zh" / "expected" / "nbest_predictions.json"
    expected, found = json.loads(published.read_text()), read(golden_sweep, kind=NBEST)
    for key, entries in found.items():
        assert [e["text"] for e in entries] == [e["text"] for e in expected[key]]
        for name in ("start_logit", "end_logit", "probability"):
            np.testing.assert_allclose(
                [e[name] for e in entries], [e[name] for e in expected[key]], atol=1e-3
            )


@pytest.mark.parametrize("cell", [Cell(0, "all"), Cell(1, "p2q")])
def test_a_single_cell_gives_the_published_answers(shared, golden_run, cell):
    mask = dict(mask_layer=cell.layer, mask_zone=cell.zone)
    folder = golden_run("single", do_predict=True, **mask)
    different, total = differences(shared, folder, cell)
    assert different <= MOST_DIFFERENT * total


# The scores of spans ----------------------------------------------------------------------------


def test_only_the_passage_and_cls_can_be_an_answer():
    rng = np.random.RandomState(0)
    logits = rng.standard_normal([3, 2, 7, 2]).astype(np.float32)  # cells, windows, tokens, sides
    roles = np.array([[0, 1, 0, 2, 2, 0, 0, 0], [0, 1, 1, 0, 2, 2, 2, 0]], np.int32)
    positions = np.array([4, 0], np.int32)
    with tf.Graph().as_default(), tf.Session() as session:
        limited = scores.within_passage(tf.constant(logits), tf.constant(roles))
        loss = scores.span_loss(limited[1], tf.constant(positions), tf.constant(positions))
        found, found_loss = session.run([limited, loss])
    losses = []
    for cell in range(3):
        for window in range(2):
            inside = [0] + [token for token in range(7) if roles[window, token] == 2]
            for side in range(2):
                weights = np.exp(logits[cell, window, inside, side].astype(np.float64))
                expected = np.log(weights / weights.sum())
                np.testing.assert_allclose(found[cell, window, inside, side], expected, atol=1e-5)
                outside = np.delete(found[cell, window, :, side], inside)
                assert (outside < -9000).all()
                if cell == 1:
                    losses.append(-expected[inside.index(positions[window])])
    assert found_loss == pytest.approx(np.mean(losses), abs=1e-5)


def test_training_lowers_the_loss_over_these_positions_only(monkeypatch):
    """The right position stays and wrong ones go, so that the same weights have a lower loss."""
    monkeypatch.setattr(training.optimization, "make_train_op", lambda *_: (tf.no_op(), None))
    losses = {}
    for name in ("squad", "cmrc2018"):
        limits_spans = data_sets.named(name).limits_spans
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(1)
            features = {key: tf.constant(v) for key, v in test_xla.batch_of_windows().items()}
            loss, _ = training.make_step(test_xla.CONFIG, limits_spans, False, 1.0, 10, 1)(features)
            session.run(tf.global_variables_initializer())
            losses[name] = session.run(loss)
    assert 0 < losses["cmrc2018"] < losses["squad"] - 0.05


def best_scores(features, static_shapes):
    """The best positions of two cells, whose logits are some function of the inputs."""
    del static_shapes
    factors = tf.constant([[1.3, 2.1], [0.7, 1.9]])[:, tf.newaxis, tf.newaxis]
    logits = tf.sin(tf.cast(features["input_ids"], tf.float32)[:, :, tf.newaxis] * factors)
    limited = scores.within_passage(logits, features[records.TOKEN_ROLES.name])
    return list(scores.best_positions(limited, 3))


def test_xla_takes_the_graph_and_gives_the_same():
    """The rest of the graph is SQuAD's; see test_xla.py."""
    batch = test_xla.batch_of_windows()
    # Four passage tokens or more, which are not ties.
    batch["token_roles"][:, 5:9] = 2
    batch["input_ids"] = np.argsort(np.random.RandomState(0).rand(8, 24), axis=1).astype(np.int32)
    (plain,) = test_xla.outputs_of(best_scores, False, batch, 1)
    (compiled,) = test_xla.outputs_of(best_scores, True, batch, 1)
    assert plain[0].shape == (8, 2, 3)
    for a, b in zip(plain, compiled):
        np.testing.assert_allclose(b, a, rtol=0, atol=2e-3)


# Training and decoding --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return chinese.write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    """A model trained on the data's own form, with its predictions for SQuAD's form."""
    folder = tmp_path_factory.mktemp("model")
    asked = dict(dataset="cmrc2018", train_file=files.own_form, do_lower_case=True)
    assert (
        small.run(files, folder, do_train=True, do_predict=True, num_train_epochs=1, **asked) == 0
    )
    return folder


def cmrc(files, folder, **more):
    return small.run(files, folder, dataset="cmrc2018", do_lower_case=True, **more)


def test_answers_stand_in_the_passage_when_its_spaces_are_taken_out(trained):
    answers = read(trained)
    assert len(answers) == chinese.NUM_QUESTIONS
    nbest = read(trained, kind=NBEST)
    for _, passage, questions in chinese.passages():
        for key, *_ in questions:
            assert nbest[key][0]["text"] == answers[key]
            for entry in nbest[key]:
                assert entry["text"] in passage.replace(" ", "")
                # Log-probabilities.
                assert entry["start_logit"] < 0 and entry["end_logit"] < 0
    assert any("DC9" in entry["text"] for entries in nbest.values() for entry in entries)
    note = json.loads((trained / "reader.json").read_text())
    assert note["training"]["dataset"] == "cmrc2018"


def test_a_sweep_is_scored_and_made_a_table(files, trained, tmp_path, capsys):
    assert cmrc(files, trained, do_sweep=True, prediction_dir=tmp_path) == 0
    assert read(tmp_path) == read(trained)
    capsys.readouterr()
    eval_cmrc2018.main([str(files.own_form), str(tmp_path / "predictions.json")])
    assert json.loads(capsys.readouterr().out)["TOTAL"] == chinese.NUM_QUESTIONS
    table = tmp_path / "results.csv"
    get_results.main([str(tmp_path), str(table), "--data-file", str(files.data), "--use-f1"])
    assert len(table.read_text().splitlines()) == 3


def test_work_of_one_data_set_is_not_taken_for_the_others(files, trained, tmp_path, capsys):
    model = tmp_path / "model"
    shutil.copytree(str(trained), str(model))
    assert small.run(files, model, do_lower_case=True, do_predict=True) == 0
    said = capsys.readouterr().err
    assert "Nothing is left" not in said
    assert "say --dataset=cmrc2018" in said
    assert cmrc(files, trained, do_predict=True) == 0
    assert "Nothing is left" in capsys.readouterr().err


MISTAKES = {
    "unknown data set": (dict(dataset="drcd"), ["--dataset", "'drcd'", "squad, cmrc2018"]),
    "no null answers": (
        dict(version_2_with_negative=True),
        ["--version_2_with_negative", "CMRC 2018"],
    ),
    "not its data": (dict(predict_file="config"), ["--predict_file", "neither CMRC 2018's own"]),
}


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_a_mistake_is_one_line(name, files, trained, tmp_path, capsys):
    more, parts = MISTAKES[name]
    asked = dict(dataset="cmrc2018", do_predict=True, do_lower_case=True)
    asked.update(prediction_dir=tmp_path / "p")
    asked.update(more)
    if "predict_file" in asked:
        asked["predict_file"] = files.config
    assert small.run(files, trained, **asked) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert all(part in lines[-1] for part in parts), lines[-1]
    assert not any("Traceback" in line for line in lines)


# Other languages, by SQuAD's rules --------------------------------------------------------------

GREEK = (
    "Το ένα του ήταν σε είναι και Άννα Μπρούνο Κλάρα Ντάριο Παρίσι Ρώμη Όσλο Λίμα κόκκινο πράσινο "
    "μπλε παλιό νέο σπίτι πύργος γέφυρα κήπος έχτισε πούλησε ζωγράφισε βρήκε ποιος τι πού πότε "
    "έκανε έτος 1901 1945 1999 . , ;"
).split()


def test_a_language_written_with_spaces_needs_nothing_special(
    small_files, small_model, tmp_path, capsys
):
    """Answers keep their accents and capitals, which the pieces have lost."""
    from tokenization import BasicTokenizer

    plain = ["".join(BasicTokenizer(True).tokenize(word)) for word in GREEK]
    assert len(GREEK) == len(set(plain)) == len(small.WORDS)
    translated = json.dumps(small.data_set(), ensure_ascii=False)
    document = json.loads(translated)
    by_word = dict(zip(small.WORDS, GREEK))
    for paragraph in document["data"][0]["paragraphs"]:
        words = paragraph["context"].split(" ")
        paragraph["context"] = " ".join(by_word[word] for word in words)
        for qa in paragraph["qas"]:
            qa["question"] = " ".join(by_word[word] for word in qa["question"].split(" "))
    data, vocab = tmp_path / "data.json", tmp_path / "vocab.txt"
    data.write_text(json.dumps(document))
    vocab.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + plain), encoding="utf-8")
    # The same weights, whose words are Greek ones from now on.
    model = tmp_path / "model"
    shutil.copytree(str(small_model), str(model))
    (model / "vocab.txt").unlink()
    (model / "reader.json").unlink()
    places = dict(prediction_dir=tmp_path, do_predict=True)
    greek = dict(predict_file=data, vocab_file=vocab, do_lower_case=True, score_padding=False)
    assert small.run(small_files, model, **places, **greek) == 0
    assert "NOTE" not in capsys.readouterr().err
    found = read(tmp_path)
    assert small.run(small_files, small_model, **places) == 0
    english = read(tmp_path)
    for key, answer in english.items():
        assert found[key] == " ".join(by_word[word] for word in answer.split(" "))
