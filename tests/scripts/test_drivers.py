"""train_squad.sh and decode_squad.sh: the command lines they type, and what they refuse."""

import os
import re
import shutil
import subprocess

import pytest

from running.flags import parse
from tests.support.driver_project import (
    BERT,
    CHINESE_SCRIPTS,
    DATA,
    ROOT,
    SCRIPTS,
    Project,
    touch,
)
from zones import masks

TRAINING = {
    "do_train": "True",
    "train_file": "squad/train-v1.1.json",
    "init_checkpoint": "bert/cased_L-12_H-768_A-12/bert_model.ckpt",
    "train_batch_size": "64",
    "learning_rate": "3e-5",
    "num_train_epochs": "2",
    "random_seed": "12345",
    "do_predict": "True",
}
COMMON = {
    "vocab_file": "bert/cased_L-12_H-768_A-12/vocab.txt",
    "bert_config_file": "bert/cased_L-12_H-768_A-12/bert_config.json",
    "do_lower_case": "False",
    "predict_file": "squad/dev-v1.1.json",
    "version_2_with_negative": "False",
    "max_seq_length": "512",
    "doc_stride": "128",
    "output_dir": "output/squad",
    "use_tpu": "False",
}
SWEEP = {"do_sweep": "True", "prediction_dir": "prediction"}
ON_TPU = {
    "vocab_file": "gs://my-bucket/bert/cased_L-12_H-768_A-12/vocab.txt",
    "bert_config_file": "gs://my-bucket/bert/cased_L-12_H-768_A-12/bert_config.json",
    "output_dir": "gs://my-bucket/output/squad",
    "use_tpu": "True",
    "tpu_name": "my-tpu",
    "predict_batch_size": "32",
}
TPU = {"USE_TPU": "True", "GS_BUCKET": "my-bucket", "TPU_NAME": "my-tpu"}


@pytest.fixture
def project(tmp_path):
    """A Project."""
    return Project(tmp_path)


def refusal(run):
    """The one line of a driver that refused."""
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert re.match(r"(train|decode)_squad\.sh: ", line)
    return line


# The command lines ------------------------------------------------------------------------------


@pytest.mark.quick
def test_training_without_a_tpu(project):
    run = project.run("train_squad.sh")
    assert run.returncode == 0, run.stderr
    assert project.flags() == {**TRAINING, **COMMON}
    assert "gs://" not in run.stdout


def test_training_on_a_tpu(project):
    run = project.run("train_squad.sh", **TPU)
    assert run.returncode == 0, run.stderr
    bert = "gs://my-bucket/bert/cased_L-12_H-768_A-12/bert_model.ckpt"
    assert project.flags() == {**TRAINING, **COMMON, **ON_TPU, "init_checkpoint": bert}


def test_decoding_without_a_tpu(project):
    run = project.run("decode_squad.sh")
    assert run.returncode == 0, run.stderr
    assert project.flags() == {**SWEEP, **COMMON}
    assert "gs://" not in run.stdout


@pytest.mark.quick
def test_decoding_on_a_tpu(project):
    run = project.run("decode_squad.sh", TPU_ZONE="us-central1-a", **TPU)
    assert run.returncode == 0, run.stderr
    expected = {"prediction_dir": "gs://my-bucket/prediction", "tpu_zone": "us-central1-a"}
    assert project.flags() == {**SWEEP, **COMMON, **ON_TPU, **expected}


@pytest.mark.parametrize("bucket", ["gs://my-bucket", "gs://my-bucket/", "my-bucket/"])
def test_a_bucket_may_be_written_in_any_way(project, bucket):
    assert project.run("decode_squad.sh", **{**TPU, "GS_BUCKET": bucket}).returncode == 0
    assert project.flags()["output_dir"] == "gs://my-bucket/output/squad"


def test_a_tpu_is_the_default_as_in_the_protocol(project):
    variables = {**TPU, "USE_TPU": None}
    assert project.run("train_squad.sh", **variables).returncode == 0
    assert project.flags()["use_tpu"] == "True"


def test_zones_of_ones_own_are_passed_on_and_the_table_is_told(project):
    run = project.run("decode_squad.sh", "sep", "q2", "union", ZONES_FILE="my zones.json")
    assert run.returncode == 0, run.stderr
    asked = {"mask_zone": "sep,q2,union", "zones_file": "my zones.json"}
    assert project.flags() == {**SWEEP, **COMMON, **asked}
    assert run.stdout.splitlines()[-1].endswith("results.csv --zones=sep,union")
    assert "--zones" not in project.run("decode_squad.sh", "q2", "all").stdout.splitlines()[-1]


def test_one_zone_and_several_are_one_process_each(project):
    for zone in masks.ZONES:
        assert project.run("decode_squad.sh", zone).returncode == 0
    assert project.run("decode_squad.sh", "q2", "p2").returncode == 0
    asked = [[a for a in call if a.startswith("--mask_zone")] for call in project.calls()]
    expected = [["--mask_zone=" + zone] for zone in masks.ZONES]
    assert asked == expected + [["--mask_zone=q2,p2"]]


def test_more_flags_are_passed_on(project):
    run = project.run("decode_squad.sh", "q2", "--", "--write_nbest=True", "--gcp_project=a b")
    assert run.returncode == 0
    assert project.calls()[0][-2:] == ["--write_nbest=True", "--gcp_project=a b"]
    assert project.run("train_squad.sh", "--overwrite=True").returncode == 0
    assert project.calls()[1][-1] == "--overwrite=True"


def test_the_environment_overrides_every_variable(project, tmp_path):
    touch(*(tmp_path / "other bert" / name for name in BERT))
    touch(tmp_path / "t.json", tmp_path / "d.json")
    run = project.run(
        "train_squad.sh",
        BERT_DIR=str(tmp_path / "other bert"),
        TRAIN_FILE=str(tmp_path / "t.json"),
        PREDICT_FILE=str(tmp_path / "d.json"),
        MODEL_OUTPUT_DIR="my model",
        DO_LOWER_CASE="true",
        VERSION_2="1",
        MAX_SEQ_LENGTH="64",
        DOC_STRIDE="32",
        TRAIN_BATCH_SIZE="8",
        PREDICT_BATCH_SIZE="16",
        LEARNING_RATE="1e-4",
        NUM_TRAIN_EPOCHS="0.5",
        SEED="7",
    )
    assert run.returncode == 0, run.stderr
    bert = str(tmp_path / "other bert")
    assert project.flags() == {
        "do_train": "True",
        "train_file": str(tmp_path / "t.json"),
        "init_checkpoint": bert + "/bert_model.ckpt",
        "train_batch_size": "8",
        "learning_rate": "1e-4",
        "num_train_epochs": "0.5",
        "random_seed": "7",
        "do_predict": "True",
        "vocab_file": bert + "/vocab.txt",
        "bert_config_file": bert + "/bert_config.json",
        "do_lower_case": "True",
        "predict_file": str(tmp_path / "d.json"),
        "version_2_with_negative": "True",
        "max_seq_length": "64",
        "doc_stride": "32",
        "output_dir": "my model",
        "use_tpu": "False",
        "predict_batch_size": "16",
    }


def test_edited_variables_count(project):
    script = project.root / "train_squad.sh"
    text = script.read_text()
    edited = re.sub(r"^SEED=\S+", "SEED=99", text, flags=re.MULTILINE)
    assert edited != text
    script.write_text(edited)
    assert project.run("train_squad.sh").returncode == 0
    flags = project.flags()
    assert (flags["random_seed"], flags["output_dir"]) == ("99", "output/squad_seed99")


def test_a_seed_gives_training_a_place_of_its_own(project):
    run = project.run("train_squad.sh", SEED="3")
    assert "SEED=3 bash decode_squad.sh" in run.stdout
    assert project.flags()["output_dir"] == "output/squad_seed3"


def test_a_seed_gives_decoding_places_of_its_own(project):
    (project.root / "output" / "squad_seed3").mkdir(parents=True)
    run = project.run("decode_squad.sh", SEED="3")
    assert run.returncode == 0, run.stderr
    flags = project.flags()
    assert flags["output_dir"] == "output/squad_seed3"
    assert flags["prediction_dir"] == "prediction_seed3"
    assert "prediction_seed3 results_seed3.csv" in run.stdout


def test_a_seed_that_is_no_number_is_refused(project):
    assert "SEED is '../x'" in project.run("train_squad.sh", SEED="../x").stderr


def test_squad_2_has_files_of_its_own(project):
    touch(project.root / "squad" / "train-v2.0.json", project.root / "squad" / "dev-v2.0.json")
    assert project.run("train_squad.sh", VERSION_2="True").returncode == 0
    flags = project.flags()
    assert flags["train_file"] == "squad/train-v2.0.json"
    assert flags["predict_file"] == "squad/dev-v2.0.json"


def test_from_another_directory(project, tmp_path):
    """The drivers' own paths become absolute; the user's stay relative to where the user is."""
    here = tmp_path / "some where"
    touch(*(here / "mine" / name for name in BERT))
    run = project.run("train_squad.sh", cwd=here, BERT_DIR="mine")
    assert run.returncode == 0, run.stderr
    assert project.calls()[0][0] == str(project.root / "run_squad.py")
    flags = project.flags()
    assert flags["vocab_file"] == "mine/vocab.txt"
    assert flags["train_file"] == str(project.root / "squad/train-v1.1.json")
    assert flags["output_dir"] == str(project.root / "output/squad")


@pytest.mark.quick
def test_both_drivers_agree_on_what_they_share():
    defaults = []
    for name in SCRIPTS:
        text = (ROOT / name).read_text()
        defaults.append(dict(re.findall(r"^([A-Z_0-9]+)=(\S+)", text, flags=re.MULTILINE)))
    shared = set(defaults[0]) & set(defaults[1])
    assert {"BERT_DIR", "MAX_SEQ_LENGTH", "DOC_STRIDE", "USE_TPU", "VERSION_2"} <= shared
    assert {n: defaults[0][n] for n in shared} == {n: defaults[1][n] for n in shared}


@pytest.mark.quick
def test_run_squad_knows_every_flag(project):
    assert project.run("train_squad.sh", TPU_ZONE="z", **TPU).returncode == 0
    assert project.run("decode_squad.sh", "q2", TPU_ZONE="z", **TPU).returncode == 0
    for _, *arguments in project.calls():
        parse(arguments)


@pytest.mark.parametrize("shell", [["sh"], ["bash", "--posix"], []], ids=["sh", "posix", "itself"])
@pytest.mark.parametrize("script", SCRIPTS + CHINESE_SCRIPTS)
def test_it_may_be_started_in_any_way(project, script, shell):
    for arguments in ([], ["--help"]):
        started = project.run(script, *arguments, shell=shell)
        as_usual = project.run(script, *arguments)
        assert (started.returncode, started.stdout) == (as_usual.returncode, as_usual.stdout)
        assert started.stderr == as_usual.stderr


def test_one_more_flag_takes_one_line(project):
    """Its variable in scripts/drivers.sh: both drivers pass it on, if it has a value."""
    drivers = project.root / "scripts" / "drivers.sh"
    text = drivers.read_text()
    drivers.write_text(text.replace('FLAGS_OF_BOTH="', 'FLAGS_OF_BOTH="ONE_MORE '))
    for script in SCRIPTS:
        assert project.run(script, ONE_MORE="3").returncode == 0
        assert project.run(script).returncode == 0
    passed = [[word for word in call if "one_more" in word] for call in project.calls()]
    assert passed == [["--one_more=3"], [], ["--one_more=3"], []]


def test_which_python_it_takes(project, tmp_path):
    def taken(**variables):
        run = project.run("decode_squad.sh", PYTHON=None, **variables)
        assert run.returncode == 0, run.stderr
        return run.stdout.split(" \\\n")[0].replace(" run_squad.py", "")

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(project.python)
    path = "%s:%s" % (tmp_path / "bin", os.environ["PATH"])
    assert taken(PATH=path) == "python"
    for name in (".venv-2.21", ".venv"):
        (project.root / name / "bin").mkdir(parents=True)
        (project.root / name / "bin" / "python").symlink_to(project.python)
        assert taken(PATH=path) == name + "/bin/python"
    # The active one is preferred, if it is one of ours.
    active = str(project.root / ".venv-2.21")
    assert taken(VIRTUAL_ENV=active) == active.replace(" ", "\\ ") + "/bin/python"
    assert taken(VIRTUAL_ENV=str(tmp_path / "other")) == ".venv/bin/python"


# What they print --------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_printed_command_can_be_copied(project, tmp_path, script):
    name = "it's $HOME; a `model`"
    (project.root / name).mkdir()
    run = project.run(script, MODEL_OUTPUT_DIR=name)
    assert run.returncode == 0, run.stderr
    printed = run.stdout.split("\n\n")[0]
    assert " \\\n    --use_tpu=False" in printed
    subprocess.run(
        ["bash", "-c", printed],
        cwd=str(project.root),
        env={"FAKE_CALLS": str(tmp_path / "calls"), "PATH": os.environ["PATH"]},
        check=True,
    )
    first, second = project.calls()
    assert first == second
    assert "--output_dir=" + name in first


def test_what_to_do_next_is_said(project):
    python = str(project.python).replace(" ", "\\ ")
    trained = project.run("train_squad.sh").stdout
    assert python + " eval_squad.py squad/dev-v1.1.json output/squad/predictions.json" in trained
    assert "bash decode_squad.sh" in trained
    assert (
        python + " get_results.py prediction results.csv" in project.run("decode_squad.sh").stdout
    )
    decoded = project.run("decode_squad.sh", "q2", MODEL_OUTPUT_DIR=".").stdout
    assert "once every zone is decoded" in decoded
    other = project.run("decode_squad.sh", PREDICT_FILE=DATA[0]).stdout
    assert "--data-file=" + DATA[0] in other


@pytest.mark.parametrize(
    "arguments, is_whole, ending",
    [
        (["union"], True, " results.csv --zones=union"),
        (["q2", "union"], False, " results.csv --zones=union"),
        (["q2", "q2p", "p2q", "p2", "all"], True, " results.csv"),
        (["p2q", "--", "--mask_layer=3"], True, " results.csv --partial"),
        (["union", "--", "--mask_layer=3"], True, " results.csv --zones=union --partial"),
        (["p2q", "--", "--sweep_heads=True"], True, " results.csv"),
        (["p2q", "--", "--mask_layer=3", "--mask_head=1"], True, " results.csv"),
        (["union", "--", "--sweep_span=3"], True, " results.csv"),
        (["p2q", "--", "--mask_layer=3-5"], True, " results.csv"),
        (["p2q", "--", "--do_sweep=False", "--do_predict=True"], True, " results.csv"),
        (["--", "--mask_zone=union"], True, " results.csv --zones=union"),
        (["--", "--sweep_every=True", "--mask_zone=p2q"], True, " results.csv"),
    ],
)
def test_what_is_said_to_be_next_takes_what_was_decoded(project, arguments, is_whole, ending):
    said = project.run("decode_squad.sh", *arguments).stdout.splitlines()
    assert said[-1].endswith("get_results.py prediction" + ending)
    assert said[-2] == ("Next:" if is_whole else "Next, once every zone is decoded:")


def test_what_is_next_after_attention_and_after_the_baseline_alone(project):
    said = project.run("decode_squad.sh", "--", "--write_attention=True").stdout.splitlines()
    assert said[-3].endswith("get_results.py prediction results.csv")
    assert said[-2] == "then, with what is looked at beside the map:"
    assert said[-1].endswith("report.py prediction squad/dev-v1.1.json report.html")
    alone = ["--", "--do_sweep=False", "--do_predict=True", "--write_attention=True"]
    said = project.run("decode_squad.sh", *alone).stdout.splitlines()
    assert said[-1].endswith("eval_squad.py squad/dev-v1.1.json prediction/predictions.json")


def test_zones_in_capitals(project):
    said = project.run("decode_squad.sh", "Q2", "UNION").stdout.splitlines()
    assert project.flags()["mask_zone"] == "q2,union"
    assert said[-2] == "Next, once every zone is decoded:"
    assert said[-1].endswith(" results.csv --zones=union")


def test_zones_of_a_file_are_named_in_what_is_next(project):
    (project.root / "mine.json").write_text(
        '{"sep": [["any",\n ["sep"]]], "p-cls" : [["any", "cls"]]}'
    )
    for said in (
        project.run("decode_squad.sh", ZONES_FILE="mine.json"),
        project.run("decode_squad.sh", "--", "--zones_file=mine.json"),
    ):
        assert said.stdout.splitlines()[-1].endswith(" results.csv --zones=sep,p-cls")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_failure_stops_the_driver(project, script):
    run = project.run(script, FAKE_STATUS="7")
    assert run.returncode == 7
    assert "Next" not in run.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_help(project, script):
    run = project.run(script, "--help")
    assert run.returncode == 0
    assert "bash " + script in run.stdout
    assert "MODEL_OUTPUT_DIR" in run.stdout
    assert project.calls() == []


# What they refuse -------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({**TPU, "GS_BUCKET": None}, "GS_BUCKET is not set"),
        ({**TPU, "TPU_NAME": None}, "TPU_NAME is not set"),
        ({**TPU, "MODEL_OUTPUT_DIR": "here"}, "MODEL_OUTPUT_DIR=here is on this machine"),
        ({**TPU, "BERT_DIR": "here"}, "BERT_DIR=here is on this machine"),
        ({"USE_TPU": "maybe"}, "USE_TPU is 'maybe'"),
        ({"DO_LOWER_CASE": "no!"}, "DO_LOWER_CASE is 'no!'"),
        ({"VERSION_2": "2.0"}, "VERSION_2 is '2.0'"),
        ({"SQUAD_DIR": "nowhere"}, "bash download_squad.sh"),
        ({"PREDICT_FILE": "dev.json"}, "there is no file dev.json"),
        ({"BERT_DIR": "nowhere"}, "there is no file nowhere/vocab.txt"),
        ({"PYTHON": "/nowhere/python"}, "PYTHON=/nowhere/python"),
        ({"FAKE_LACKS": "tensorflow"}, "has no tensorflow; run 'make setup'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_one_line(project, script, variables, complaint):
    assert complaint in refusal(project.run(script, **variables))
    assert project.calls() == []


@pytest.mark.quick
def test_training_needs_its_file_and_a_checkpoint(project):
    assert "there is no file t.json" in refusal(project.run("train_squad.sh", TRAIN_FILE="t.json"))
    (project.root / "bert" / "cased_L-12_H-768_A-12" / "bert_model.ckpt.index").unlink()
    assert "bert_model.ckpt.index" in refusal(project.run("train_squad.sh"))


def test_decoding_needs_a_trained_reader(project):
    line = refusal(project.run("decode_squad.sh", MODEL_OUTPUT_DIR="no/model"))
    assert "no/model" in line
    assert "bash train_squad.sh" in line


def test_decoding_on_a_tpu_writes_to_a_bucket(project):
    line = refusal(project.run("decode_squad.sh", PREDICTION_DIR="prediction", **TPU))
    assert "PREDICTION_DIR=prediction is on this machine" in line


def test_flags_before_the_dashes(project):
    line = refusal(project.run("decode_squad.sh", "q2", "--overwrite=True"))
    assert "-- --overwrite=True" in line


def test_a_reader_that_describes_itself_is_told_only_what_the_user_sets(project):
    touch(project.root / "my-reader" / "reader.json")
    shutil.rmtree(str(project.root / "bert"))
    run = project.run("decode_squad.sh", MODEL_OUTPUT_DIR="my-reader", DOC_STRIDE="64")
    assert run.returncode == 0, run.stderr
    flags = project.flags()
    assert (flags["output_dir"], flags["doc_stride"]) == ("my-reader", "64")
    for name in ("vocab_file", "bert_config_file", "do_lower_case", "max_seq_length"):
        assert name not in flags


def test_a_tokenizer_of_the_hub_is_named_and_no_case(project):
    bert = project.root / "converted"
    touch(
        *(bert / name for name in ("tokenizer.json", "bert_config.json", "bert_model.ckpt.index"))
    )
    run = project.run("train_squad.sh", BERT_DIR="converted")
    assert run.returncode == 0, run.stderr
    assert project.flags()["vocab_file"] == "converted/tokenizer.json"
    assert "do_lower_case" not in project.flags()
