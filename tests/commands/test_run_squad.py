"""run_squad.py from its command line: what it writes, and what it says to a mistake."""

import json
import shutil

import pytest
import tensorflow.compat.v1 as tf

from tests.support import small
from zones.cells import BASELINE, NBEST, NULL_ODDS, PREDICTIONS, Cell, file_name


def predictions(folder, cell=BASELINE, kind=PREDICTIONS):
    return json.loads((folder / file_name(kind, cell)).read_text())


# What it writes -------------------------------------------------------------------------------


def test_training_then_decoding_writes_an_answer_for_every_question(small_files, tmp_path):
    out = tmp_path / "model"
    assert small.run(small_files, out, do_train=True, do_predict=True) == 0
    assert len(predictions(out)) == small.NUM_QUESTIONS
    assert set(predictions(out, kind=NBEST)) == set(predictions(out))
    assert not (out / "null_odds.json").exists()


@pytest.mark.slow
def test_two_runs_with_one_seed_give_the_same_predictions_and_another_seed_does_not(
    small_files, tmp_path
):
    nbest = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / name
        small.run(small_files, out, do_train=True, do_predict=True, random_seed=seed)
        nbest.append((out / "nbest_predictions.json").read_bytes())
    assert nbest[0] == nbest[1]
    assert nbest[0] != nbest[2]


@pytest.mark.slow
def test_training_that_was_stopped_ends_where_one_that_was_not_does(
    small_files, small_model, tmp_path, capsys
):
    parts = tmp_path / "parts"
    shutil.copytree(str(small_model), str(parts))
    for path in parts.glob("model.ckpt-12*"):
        path.unlink()
    (parts / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-6"\n')
    capsys.readouterr()
    small.run(small_files, parts, do_train=True)
    assert "trained for 6 steps" in capsys.readouterr().err
    nbest = []
    for model in (small_model, parts):
        out = tmp_path / ("of_" + model.name)
        assert small.run(small_files, model, do_predict=True, prediction_dir=out) == 0
        nbest.append((out / "nbest_predictions.json").read_bytes())
    assert nbest[0] == nbest[1]


def test_training_again_into_a_finished_model_says_so_and_trains_nothing(
    small_files, small_model, capsys
):
    before = sorted(path.name for path in small_model.iterdir())
    assert small.run(small_files, small_model, do_train=True) == 0
    assert "nothing is trained" in capsys.readouterr().err
    assert sorted(path.name for path in small_model.iterdir()) == before


def test_a_squad_2_run_writes_null_odds_and_can_answer_nothing(small_files, tmp_path):
    out = tmp_path / "model"
    files = dict(train_file=small_files.data_2, predict_file=small_files.data_2)
    two = dict(files, version_2_with_negative=True)
    assert small.run(small_files, out, do_train=True, do_predict=True, **two) == 0
    odds = predictions(out, kind=NULL_ODDS)
    answers = predictions(out)
    assert set(odds) == set(answers)
    assert all((answers[key] == "") == (odds[key] > 0) for key in odds)
    # With the threshold out of reach, every question gets a span.
    assert small.run(small_files, out, do_predict=True, null_score_diff_threshold=99, **two) == 0
    assert all(predictions(out).values())


def test_one_cell_has_its_own_files_and_leaves_the_baselines_alone(
    small_files, small_model, tmp_path
):
    places = dict(prediction_dir=tmp_path, do_predict=True)
    small.run(small_files, small_model, **places)
    baseline = (tmp_path / "predictions.json").read_bytes()
    small.run(small_files, small_model, mask_layer=1, mask_zone="p2", **places)
    small.run(small_files, small_model, mask_zone="union", **places)
    assert (tmp_path / "predictions.json").read_bytes() == baseline
    for cell in (Cell(1, "p2"), Cell(None, "union")):
        assert len(predictions(tmp_path, cell)) == small.NUM_QUESTIONS
        assert len(predictions(tmp_path, cell, NBEST)) == small.NUM_QUESTIONS
    # All three are one run, and what it was is noted with its three commands.
    (note,) = (tmp_path / ".decoding" / "runs").iterdir()
    facts = json.loads(note.read_text())
    assert len(facts["commands"]) == 3 and "--mask_layer=1" in facts["commands"][1]
    assert len(facts["checkpoint"]["sha256"]) == len(facts["flags"]["predict_file"]["sha256"]) == 64
    assert facts["flags"]["max_seq_length"] and facts["versions"]["tensorflow"] == tf.__version__


def test_odd_text_goes_through(small_files, small_model, tmp_path):
    passages = {
        "long": "house " * 10000,
        "one word": "Paris",
        "empty": "",
        "emoji": "the \U0001f600 tower \U0001f468\u200d\U0001f469 was red",
        "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 Rome",
        "nul": "the\u0000 old \u0000 bridge",
        "spaces": " \u3000\u00a0 \n\t ",
    }
    data = {"data": [{"paragraphs": []}]}
    for name, passage in passages.items():
        qas = [{"id": name + str(i), "question": q} for i, q in enumerate(("", "who ?", passage))]
        qas[2]["question"] = passage[:200]
        data["data"][0]["paragraphs"].append({"context": passage, "qas": qas})
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(data))
    places = dict(prediction_dir=tmp_path, predict_file=path)
    assert small.run(small_files, small_model, do_predict=True, **places) == 0
    assert len(predictions(tmp_path)) == 3 * len(passages)
    assert predictions(tmp_path)["one word0"] == "Paris"


def test_padding_competes_where_the_published_code_trained_the_model(
    small_files, small_model, tmp_path
):
    """A window of one word has 28 padded positions, enough to take all of the best 20."""
    data = tmp_path / "data.json"
    words = small.WORDS[:40]
    paragraphs = [{"context": w, "qas": [{"id": w, "question": ""}]} for w in words]
    data.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    other = small.bare(small_model, tmp_path / "model")
    without_a_place = []
    for model, score_padding in ((small_model, None), (other, None), (other, False)):
        more = dict(score_padding=score_padding, predict_file=data, prediction_dir=tmp_path)
        assert small.run(small_files, model, do_predict=True, overwrite=True, **more) == 0
        answers = predictions(tmp_path)
        assert all(answers[word] in (word, "empty") for word in words)
        without_a_place.append(sum(answers[word] == "empty" for word in words))
    assert without_a_place[1] > without_a_place[0] == without_a_place[2] == 0


# Checkpoints ----------------------------------------------------------------------------------


def test_a_public_checkpoint_loads_by_name_and_the_log_says_what_came_from_it(
    small_files, small_model, tmp_path, jobs, capsys
):
    out = tmp_path / "model"
    start = small_model / "model.ckpt-12"
    assert small.run(small_files, out, do_train=True, init_checkpoint=start) == 0
    assert len(jobs) == 1
    said = capsys.readouterr().err
    assert "39 of the model's 39 variables" in said
    assert "Initialised: none" in said


def test_weights_start_from_the_checkpoint(small_files, small_model, tmp_path):
    # A learning rate of nothing: the model stays the one that it started from.
    out = tmp_path / "model"
    start = small_model / "model.ckpt-12"
    common = dict(do_predict=True, predict_file=small_files.data)
    small.run(small_files, out, do_train=True, init_checkpoint=start, learning_rate=0, **common)
    small.run(small_files, small_model, prediction_dir=tmp_path, **common)
    assert predictions(out) == predictions(tmp_path)


# What it says to a mistake --------------------------------------------------------------------


def assert_one_line(capsys, *parts):
    """Checks that the last message is one line naming each of the parts."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert not any("Traceback" in line for line in lines)
    for part in parts:
        assert part in lines[-1], lines[-1]
    return lines


MISTAKES = {
    # name: (flags that differ, what the message names)
    "nothing asked": (dict(), ["--do_train", "--do_predict", "--do_sweep"]),
    "no vocabulary": (dict(do_predict=True, vocab_file=None), ["--vocab_file is missing"]),
    "no data file": (dict(do_predict=True, predict_file=None), ["--predict_file is missing"]),
    "vocabulary missing": (dict(do_predict=True, vocab_file="no.txt"), ["--vocab_file", "no.txt"]),
    "config missing": (
        dict(do_predict=True, bert_config_file="no.json"),
        ["--bert_config_file", "no.json"],
    ),
    "train file missing": (dict(do_train=True, train_file="no.json"), ["--train_file", "no.json"]),
    "predict file missing": (
        dict(do_train=True, do_predict=True, predict_file="no.json"),
        ["--predict_file", "no.json"],
    ),
    "file is a directory": (
        dict(do_predict=True, predict_file="."),
        ["--predict_file", "directory"],
    ),
    "checkpoint missing": (
        dict(do_train=True, init_checkpoint="no/bert_model.ckpt"),
        ["--init_checkpoint", "no/bert_model.ckpt"],
    ),
    "unknown zone": (dict(do_predict=True, mask_zone="q3"), ["--mask_zone", "'q3'", "p2q"]),
    "two zones in one cell": (
        dict(do_predict=True, mask_zone="q2,p2"),
        ["--mask_zone", "--do_sweep"],
    ),
    "layer outside the model": (
        dict(do_predict=True, mask_zone="q2", mask_layer=2),
        ["--mask_layer", "0 to 1"],
    ),
    "negative layer": (dict(do_predict=True, mask_zone="q2", mask_layer=-1), ["mask_layer=-1"]),
    "layer without zone": (dict(do_predict=True, mask_layer=1), ["--mask_layer", "--mask_zone"]),
    "mask without decoding": (dict(do_train=True, mask_zone="q2"), ["--mask_zone", "--do_predict"]),
    "nothing trained": (dict(do_predict=True), ["--output_dir", "no fine-tuned checkpoint"]),
    "nothing trained, sweep": (dict(do_sweep=True), ["--output_dir", "no fine-tuned checkpoint"]),
    "too many positions": (dict(do_predict=True, max_seq_length=65), ["--max_seq_length", "64"]),
    "unknown flag": (dict(do_predict=True, mask_zones="q2"), ["mask_zones"]),
    "not a number": (dict(do_train=True, learning_rate="fast"), ["learning_rate", "fast"]),
    "zero batch": (dict(do_train=True, train_batch_size=0), ["train_batch_size"]),
    "tpu without name": (dict(do_predict=True, use_tpu=True), ["--use_tpu", "--tpu_name"]),
    "tpu without bucket": (
        dict(do_predict=True, use_tpu=True, tpu_name="t"),
        ["--output_dir", "gs://"],
    ),
    "tpu with odd batch": (
        dict(do_predict=True, use_tpu=True, tpu_name="t", output_dir="gs://bucket/model"),
        ["--train_batch_size", "multiple of 8"],
    ),
}


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_a_mistake_gets_one_line_and_status_2(name, small_files, tmp_path, capsys):
    more, parts = MISTAKES[name]
    more = dict(more)
    if more.get("use_tpu") and not hasattr(tf, "estimator"):
        parts = ["--use_tpu", "no TPUEstimator", "2.15"]
    out = more.pop("output_dir", tmp_path / "out")
    assert small.run(small_files, out, **more) == 2
    assert len(assert_one_line(capsys, *parts)) == 1
    left = list((tmp_path / "out").rglob("*")) if (tmp_path / "out").exists() else []
    assert not [path for path in left if path.is_file()]


@pytest.mark.parametrize("epochs, part", [(0, "say more"), (0.1, "say more"), (1e300, "say fewer")])
def test_epochs_that_cannot_be_are_named(epochs, part, small_files, tmp_path, capsys):
    flags = dict(do_train=True, num_train_epochs=epochs)
    assert small.run(small_files, tmp_path / "out", **flags) == 2
    assert_one_line(capsys, "--num_train_epochs", part)


CONFIGS = {
    "not json": ("{", ["--bert_config_file", "not JSON"]),
    "a list": ("[]", ["--bert_config_file", "no JSON object"]),
    "unknown key": (dict(small.CONFIG, hiden_size=3), ["hiden_size", "hidden_size"]),
    "no vocabulary size": ({"hidden_size": 16}, ["vocab_size"]),
    "a string for a number": (dict(small.CONFIG, hidden_size="16"), ["hidden_size", "'16'"]),
    "heads do not divide": (dict(small.CONFIG, num_attention_heads=3), ["num_attention_heads"]),
    "unknown activation": (
        dict(small.CONFIG, hidden_act="swish"),
        ["hidden_act", "gelu", "convert_checkpoint.py"],
    ),
    "other vocabulary": (dict(small.CONFIG, vocab_size=9), ["--vocab_file", "vocab_size 9;"]),
    "other width": (dict(small.CONFIG, hidden_size=8), ["--output_dir", "has shape"]),
    "more layers": (dict(small.CONFIG, num_hidden_layers=3), ["--output_dir", "layer_2"]),
}


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_wrong_configuration_is_named(name, small_files, small_model, tmp_path, capsys):
    content, parts = CONFIGS[name]
    path = tmp_path / "bert_config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    where = dict(bert_config_file=path, prediction_dir=tmp_path / "predictions")
    bare = small.bare(small_model, tmp_path / "bare")
    assert small.run(small_files, bare, do_predict=True, **where) == 2
    assert_one_line(capsys, *parts)
    assert not list((tmp_path / "predictions").glob("*.json"))


OF_THE_HUB = {
    # As transformers writes it, of a model of BERT's.
    "architectures": ["BertForMaskedLM"],
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    "model_type": "bert",
    "transformers_version": "4.2.2",
    "position_embedding_type": "absolute",
    "use_cache": True,
    "gradient_checkpointing": False,
}
OF_ITS_FIRST_VERSIONS = dict(
    architectures=["BertModel"], bad_words_ids=None, bos_token_id=None, do_sample=False,
    eos_token_ids=0, finetuning_task=None, id2label={"0": "LABEL_0"}, is_decoder=False,
    length_penalty=1.0, max_length=20, num_beams=1, num_labels=2, num_return_sequences=1,
    output_attentions=False, output_past=True, pruned_heads={}, repetition_penalty=1.0,
    temperature=1.0, top_k=50, top_p=1.0, torchscript=False, use_bfloat16=False, xla_device=None,
    chunk_size_feed_forward=0, directionality="bidi", pooler_fc_size=768, language="english",
)  # fmt: skip


@pytest.mark.parametrize(
    "more", [OF_THE_HUB, pytest.param(OF_ITS_FIRST_VERSIONS, marks=pytest.mark.slow)]
)
def test_what_changes_nothing_in_a_configuration_of_the_hub_is_passed_over(
    more, small_files, small_model, tmp_path, capsys
):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(dict(small.CONFIG, **more)))
    model = small.bare(small_model, tmp_path / "model")
    answers = []
    for config in (small_files.config, path):
        out = tmp_path / config.stem
        flags = dict(do_predict=True, bert_config_file=config, prediction_dir=out)
        assert small.run(small_files, model, **flags) == 0
        answers.append((out / "nbest_predictions.json").read_bytes())
    assert answers[0] == answers[1]
    notes = [line for line in capsys.readouterr().err.splitlines() if "erf" in line]
    assert len(notes) == ("transformers_version" in more)


@pytest.mark.parametrize("key", ["position_embedding_type", "is_decoder", "num_hidden_groups"])
def test_what_changes_a_model_is_named_with_the_way(
    key, small_files, small_model, tmp_path, capsys
):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**small.CONFIG, **OF_THE_HUB, key: "relative_key"}))
    flags = dict(do_predict=True, bert_config_file=path)
    assert small.run(small_files, small.bare(small_model, tmp_path / "model"), **flags) == 2
    assert_one_line(capsys, "--bert_config_file", key, "convert_checkpoint.py")


def test_a_vocabulary_may_have_fewer_entries_than_the_model(
    small_files, small_model, tmp_path, capsys
):
    """The embeddings of many public models are padded."""
    shorter = tmp_path / "vocab.txt"
    *kept, last = small_files.vocab.read_text().split("\n")[:-1]
    shorter.write_text("\n".join(kept) + "\n")
    where = dict(vocab_file=shorter, prediction_dir=tmp_path / "predictions")
    bare = small.bare(small_model, tmp_path / "bare")
    assert small.run(small_files, bare, do_predict=True, **where) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("NOTE")]
    assert told == [
        "NOTE: %s has %d entries, and the model has room for %d"
        % (shorter, len(kept), small.CONFIG["vocab_size"])
    ]
    assert len(json.loads((tmp_path / "predictions" / "predictions.json").read_text())) == 24


def test_a_checkpoint_of_another_shape_is_named_with_its_variable(
    small_files, small_model, tmp_path, capsys
):
    config = tmp_path / "bert_config.json"
    config.write_text(json.dumps(dict(small.CONFIG, intermediate_size=8)))
    start = small_model / "model.ckpt-12"
    more = dict(bert_config_file=config, init_checkpoint=start)
    assert small.run(small_files, tmp_path / "out", do_train=True, **more) == 2
    assert_one_line(capsys, "--init_checkpoint", "layer_0/intermediate/dense", "[16, 32]")


def test_a_checkpoint_without_an_encoder_is_refused(small_files, tmp_path, capsys):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("other/model", [3])
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, str(tmp_path / "other.ckpt"))
    assert small.run(small_files, tmp_path / "out", do_train=True, init_checkpoint=path) == 2
    assert_one_line(capsys, "--init_checkpoint", "nothing of the encoder", "other/model")


def test_a_cased_vocabulary_is_not_lower_cased(small_files, small_model, shared, tmp_path, capsys):
    config = tmp_path / "bert_config.json"
    config.write_text(json.dumps(dict(small.CONFIG, vocab_size=28996)))
    more = dict(
        vocab_file=shared / "data" / "bert-base-cased-vocab.txt",
        bert_config_file=config,
        do_lower_case=True,
    )
    bare = small.bare(small_model, tmp_path / "bare")
    assert small.run(small_files, bare, do_predict=True, **more) == 2
    assert_one_line(capsys, "--do_lower_case")


def test_an_uncased_vocabulary_is_lower_cased(small_files, small_model, shared, tmp_path, capsys):
    cased = (shared / "data" / "bert-base-cased-vocab.txt").read_text().splitlines()
    special = [piece for piece in cased if piece.startswith("[")]
    uncased = dict.fromkeys(special + [piece.lower() for piece in cased])
    vocab, config = tmp_path / "vocab.txt", tmp_path / "bert_config.json"
    vocab.write_text("\n".join(uncased) + "\n")
    config.write_text(json.dumps(dict(small.CONFIG, vocab_size=len(uncased))))
    more = dict(vocab_file=vocab, bert_config_file=config, do_lower_case=False)
    bare = small.bare(small_model, tmp_path / "bare")
    assert small.run(small_files, bare, do_predict=True, **more) == 2
    assert_one_line(capsys, "--do_lower_case")


DATA = {
    "not json": ("{", ["--predict_file", "not JSON"]),
    "not utf-8": (b"\xff\xfe", ["--predict_file", "UTF-8"]),
    "not squad": ("[]", ["--predict_file"]),
    "empty": ('{"data": []}', ["--predict_file"]),
    "question missing": (
        {"data": [{"paragraphs": [{"context": "a", "qas": [{"id": "1"}]}]}]},
        ["data[0].paragraphs[0].qas[0]", "question"],
    ),
    "duplicate id": (
        {"data": [{"paragraphs": [{"context": "a", "qas": [{"id": "7", "question": "b"}] * 2}]}]},
        ["7"],
    ),
}


@pytest.mark.parametrize("name", sorted(DATA))
def test_a_wrong_data_file_is_named(name, small_files, small_model, tmp_path, capsys):
    content, parts = DATA[name]
    path = tmp_path / "data.json"
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    where = dict(predict_file=path, prediction_dir=tmp_path / "predictions")
    assert small.run(small_files, small_model, do_predict=True, **where) == 2
    assert_one_line(capsys, *parts)
    assert not list((tmp_path / "predictions").glob("*.json"))


def test_a_long_question_in_short_windows_is_named(small_files, small_model, tmp_path, capsys):
    data = small.data_set()
    data["data"][0]["paragraphs"][0]["qas"][0]["question"] = "who " * 8
    path = tmp_path / "data.json"
    path.write_text(json.dumps(data))
    more = dict(predict_file=path, max_seq_length=11, prediction_dir=tmp_path / "predictions")
    assert small.run(small_files, small_model, do_predict=True, **more) == 2
    assert_one_line(capsys, "--max_seq_length", "q0-0")


def test_offsets_that_do_not_hold_the_answer_are_counted_and_many_are_an_error(
    small_files, tmp_path, jobs, capsys
):
    data = small.data_set()
    answers = [qa["answers"][0] for p in data["data"][0]["paragraphs"] for qa in p["qas"]]
    path = tmp_path / "data.json"
    answers[0]["text"] = "Berlin"
    path.write_text(json.dumps(data))
    assert small.run(small_files, tmp_path / "one", do_train=True, train_file=path) == 0
    assert "1" in [line for line in capsys.readouterr().err.splitlines() if "offset" in line][0]
    for answer in answers[:5]:
        answer["text"] = "Berlin"
    path.write_text(json.dumps(data))
    assert small.run(small_files, tmp_path / "five", do_train=True, train_file=path) == 2
    assert_one_line(capsys, "--train_file")
    assert len(jobs) == 1


def test_a_place_that_cannot_be_written_is_named(small_files, small_model, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    where = dict(prediction_dir=tmp_path / "file" / "predictions")
    assert small.run(small_files, small_model, do_predict=True, **where) == 2
    assert_one_line(capsys, "--prediction_dir", "predictions")


def test_help_names_every_flag_of_the_protocol(capsys):
    import run_squad

    assert small.status_of(run_squad.main, ["--help"]) == 0
    text = capsys.readouterr().out
    for flag in (
        "vocab_file bert_config_file init_checkpoint do_train train_file do_predict predict_file "
        "train_batch_size predict_batch_size num_train_epochs max_seq_length doc_stride "
        "learning_rate version_2_with_negative output_dir do_lower_case use_tpu tpu_name tpu_zone "
        "mask_layer mask_zone max_query_length n_best_size max_answer_length warmup_proportion "
        "save_checkpoints_steps iterations_per_loop gcp_project master num_tpu_cores "
        "null_score_diff_threshold verbose_logging do_sweep random_seed"
    ).split():
        assert "--%s:" % flag in text
