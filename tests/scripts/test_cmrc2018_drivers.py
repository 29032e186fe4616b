"""train_cmrc2018.sh and decode_cmrc2018.sh: the command lines they type, and what they refuse."""

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import zipfile

import pytest

from running.flags import parse
from scripts.download import BERT_FILES
from tests.support import chinese
from tests.support.driver_project import BERT, ROOT, Project, touch
from tests.support.driver_project import CHINESE_SCRIPTS as DRIVERS

CHINESE_BERT = "bert/chinese_L-12_H-768_A-12"
COMMON = {
    "dataset": "cmrc2018",
    "vocab_file": CHINESE_BERT + "/vocab.txt",
    "bert_config_file": CHINESE_BERT + "/bert_config.json",
    "do_lower_case": "True",
    "predict_file": "cmrc2018/cmrc2018_dev.json",
    "version_2_with_negative": "False",
    "max_seq_length": "512",
    "doc_stride": "128",
    "output_dir": "output/cmrc2018",
    "use_tpu": "False",
}
TRAINING = {
    "do_train": "True",
    "train_file": "cmrc2018/cmrc2018_train.json",
    "init_checkpoint": CHINESE_BERT + "/bert_model.ckpt",
    "train_batch_size": "64",
    "learning_rate": "3e-5",
    "num_train_epochs": "2",
    "random_seed": "12345",
    "do_predict": "True",
}
SWEEP = {"do_sweep": "True", "prediction_dir": "prediction_cmrc2018"}
TPU = {"USE_TPU": "True", "GS_BUCKET": "my-bucket", "TPU_NAME": "my-tpu"}


@pytest.fixture
def project(tmp_path):
    """A Project with the drivers, data and BERT of CMRC 2018, too."""
    made = Project(tmp_path)
    touch(made.root / COMMON["predict_file"], made.root / TRAINING["train_file"])
    touch(*(made.root / CHINESE_BERT / name for name in BERT))
    (made.root / "output" / "cmrc2018").mkdir()
    return made


@pytest.mark.quick
def test_training(project):
    run = project.run("train_cmrc2018.sh", "--save_checkpoints_steps=500")
    assert run.returncode == 0, run.stderr
    assert project.flags() == {**TRAINING, **COMMON, "save_checkpoints_steps": "500"}
    said = "eval_cmrc2018.py cmrc2018/cmrc2018_dev.json output/cmrc2018/predictions.json"
    assert said in run.stdout and "bash decode_cmrc2018.sh" in run.stdout


@pytest.mark.quick
def test_decoding(project):
    run = project.run("decode_cmrc2018.sh", "q2", "p2", "--", "--write_nbest=True")
    assert run.returncode == 0, run.stderr
    more = {"mask_zone": "q2,p2", "write_nbest": "True"}
    assert project.flags() == {**SWEEP, **COMMON, **more}
    assert (
        "get_results.py prediction_cmrc2018 results_cmrc2018.csv "
        "--data-file=cmrc2018/cmrc2018_dev.json --dataset=cmrc2018" in run.stdout
    )


def test_on_a_tpu(project):
    assert project.run("decode_cmrc2018.sh", **TPU).returncode == 0
    flags = project.flags()
    assert flags["vocab_file"] == "gs://my-bucket/%s/vocab.txt" % CHINESE_BERT
    assert flags["prediction_dir"] == "gs://my-bucket/prediction_cmrc2018"
    assert flags["predict_file"] == COMMON["predict_file"]
    assert flags["predict_batch_size"] == "32"


def test_variables_of_the_environment_and_edited_ones_count(project, tmp_path):
    touch(*(tmp_path / "data" / name for name in ("cmrc2018_train.json", "cmrc2018_dev.json")))
    variables = {"CMRC_DIR": str(tmp_path / "data"), "DO_LOWER_CASE": "False", "VERSION_2": "True"}
    script = project.root / "train_cmrc2018.sh"
    text = script.read_text()
    edited = re.sub(r"^MODEL_OUTPUT_DIR=\S+", "MODEL_OUTPUT_DIR=mine", text, flags=re.MULTILINE)
    # One of train_squad.sh, which has another value here.
    edited = edited.replace("\ndata_set=", "\nSEED=99\ndata_set=")
    assert edited.count("mine") == edited.count("SEED=99") == 1
    script.write_text(edited)
    assert project.run("train_cmrc2018.sh", **variables).returncode == 0
    flags = project.flags()
    assert flags["train_file"] == str(tmp_path / "data" / "cmrc2018_train.json")
    assert (flags["random_seed"], flags["do_lower_case"]) == ("99", "False")
    assert flags["output_dir"] == "mine"
    # Left over from SQuAD 2.0: CMRC 2018 has no such version.
    assert flags["version_2_with_negative"] == "False"


def test_both_drivers_agree_with_each_other():
    defaults = []
    for name in DRIVERS:
        text = (ROOT / name).read_text()
        defaults.append(dict(re.findall(r"^([A-Z_0-9]+)=(\S+)", text, flags=re.MULTILINE)))
    train, decode = defaults
    assert set(train) - {"TRAIN_FILE"} == set(decode) - {"PREDICTION_DIR"}
    shared = set(train) & set(decode)
    assert {n: train[n] for n in shared} == {n: decode[n] for n in shared}


def test_each_is_the_driver_of_squad_with_other_values(project):
    """What train_squad.sh and decode_squad.sh say holds here, too, unless it is said otherwise."""
    for name, driver in (("train_squad.sh", DRIVERS[0]), ("decode_squad.sh", DRIVERS[1])):
        script = project.root / name
        text = script.read_text()
        edited = re.sub(r"^MAX_SEQ_LENGTH=\S+", "MAX_SEQ_LENGTH=77", text, flags=re.MULTILINE)
        script.write_text(re.sub(r"^DO_LOWER_CASE=", "ALSO_UNUSED=", edited, flags=re.MULTILINE))
        assert project.run(driver).returncode == 0
    for _, *arguments in project.calls():
        assert "--max_seq_length=77" in arguments and "--do_lower_case=True" in arguments
        parse(arguments)  # run_squad.py knows every flag


@pytest.mark.parametrize("driver", DRIVERS)
def test_help_and_mistakes(project, driver):
    shown = project.run(driver, "--help")
    assert shown.returncode == 0
    for said in ("bash " + driver, "CMRC_DIR", "MAX_SEQ_LENGTH", "USE_TPU", "PYTHON"):
        assert said in shown.stdout
    for variables, complaint in (
        ({"CMRC_DIR": "nowhere"}, "no file nowhere/cmrc2018_"),
        ({"CMRC_DIR": "nowhere"}, "bash download_squad.sh cmrc2018"),
        ({"BERT_DIR": "nowhere"}, "no file nowhere/vocab.txt"),
        ({"DO_LOWER_CASE": "no!"}, "DO_LOWER_CASE is 'no!'"),
        ({**TPU, "TPU_NAME": None}, "TPU_NAME is not set"),
    ):
        run = project.run(driver, **variables)
        assert run.returncode == 2
        (line,) = run.stderr.splitlines()
        assert line.startswith(driver + ": ") and complaint in line
    assert project.calls() == []


def test_decoding_needs_a_trained_reader(project):
    run = project.run("decode_cmrc2018.sh", MODEL_OUTPUT_DIR="no/model")
    assert run.returncode == 2
    assert "bash train_cmrc2018.sh" in run.stderr


@pytest.fixture
def source(tmp_path):
    """A folder that is served, and its address."""
    folder = tmp_path / "source"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield folder, "http://127.0.0.1:%d" % server.server_port
        server.shutdown()


def test_data_and_bert_are_fetched_and_checked(source, tmp_path):
    source, url = source
    target = tmp_path / "target"
    target.mkdir()
    for name, seed in (("train", 0), ("dev", 1)):
        path = source / ("cmrc2018_%s.json" % name)
        path.write_text(json.dumps(chinese.squads_form(seed)))
    with zipfile.ZipFile(str(source / "chinese.zip"), "w") as archive:
        for name in BERT_FILES:
            archive.writestr("chinese/" + name, "content")
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHON": sys.executable,
        "CMRC_URL": url,
        "CHINESE_BERT_URL": url + "/chinese.zip",
        "CMRC_DIR": str(target / "data"),
        "BERT_ROOT": str(target / "bert"),
        "TRAIN_QUESTIONS": str(chinese.NUM_QUESTIONS),
        "DEV_QUESTIONS": str(chinese.NUM_QUESTIONS),
    }

    def download(**more):
        return subprocess.run(
            ["bash", str(ROOT / "download_squad.sh"), "cmrc2018"],
            env={**variables, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            check=False,
        )

    refused = download(DEV_QUESTIONS="3219")
    assert refused.returncode == 2
    assert "cmrc2018_dev.json" in refused.stderr and "not 3,219" in refused.stderr
    fetched = download()
    assert fetched.returncode == 0, fetched.stderr
    assert "train_cmrc2018.sh" in fetched.stdout
    names = sorted(path.name for path in (target / "data").iterdir())
    assert names == ["cmrc2018_dev.json", "cmrc2018_train.json"]
    assert (target / "bert" / "chinese" / "vocab.txt").read_text() == "content"
