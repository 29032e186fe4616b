"""--max_questions: a random sample of the questions, enlarged later, and scored as one."""

import importlib.util
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import compare_results
import eval_cmrc2018
import eval_squad
import get_results
import report
import visualize_att_zone
from common.finished import FinishedFiles
from common.sample import Sample
from running.estimate import Estimate, costs_of, in_words
from tests.conftest import ROOT
from tests.support import small

SWEEP = dict(do_sweep=True, mask_zone="q2,p2")


@pytest.fixture(scope="module")
def whole(small_files, small_model, tmp_path_factory):
    """All questions, decoded in one go."""
    folder = tmp_path_factory.mktemp("whole")
    assert small.run(small_files, small_model, prediction_dir=folder, do_sweep=True) == 0
    return folder


@pytest.fixture(scope="module")
def sampled(small_files, small_model, tmp_path_factory):
    """A folder with 12 of 24 questions. Only to be read."""
    folder = tmp_path_factory.mktemp("sampled")
    assert sweep(small_files, small_model, folder, 12, mask_zone=None) == 0
    return folder


def sweep(paths, model, folder, number, **more):
    flags = dict(SWEEP, prediction_dir=folder, max_questions=number)
    flags.update(more)
    return small.run(paths, model, **flags)


def answers_of(folder):
    return {p.name: json.loads(p.read_text()) for p in folder.glob("predictions*.json")}


def ids_of(paths):
    data = json.loads(paths.read_text())["data"]
    return [qa["id"] for article in data for p in article["paragraphs"] for qa in p["qas"]]


def tokenised(capsys):
    """How many questions each decoding read, as it says."""
    return [int(n) for n in re.findall(r"tokenising: (\d+) question", capsys.readouterr().err)]


def test_samples_are_nested_and_uniform():
    counts = np.zeros(40)
    for seed in range(600):
        small_one, large = (set(Sample(n, 40, seed).chosen()) for n in (10, 25))
        assert small_one < large and (len(small_one), len(large)) == (10, 25)
        rest = Sample(25, 40, seed).chosen(but_first=10)
        assert set(rest) == large - small_one and list(rest) == sorted(rest)
        counts[list(small_one)] += 1
    # Each is drawn 150 times of 600; the standard deviation is 10.6.
    assert abs(counts - 150).max() < 45


def test_a_sample_grows_by_the_new_questions_alone(
    small_files, small_model, whole, tmp_path, capsys
):
    everything = answers_of(whole)
    before = set()
    for number in (6, 10, None):
        assert sweep(small_files, small_model, tmp_path, number) == 0
        answers = answers_of(tmp_path)
        assert len(answers) == 5
        ids = [key for key in ids_of(small_files.data) if key in answers["predictions.json"]]
        assert len(ids) == (number or 24) and before < set(ids)
        for name, texts in answers.items():
            assert list(texts) == ids
            assert texts == {key: everything[name][key] for key in ids}
        nbest = json.loads((tmp_path / "nbest_predictions.json").read_text())
        assert list(nbest) == ids
        assert (tmp_path / "sample.json").exists() == (number is not None)
        before = set(ids)
    assert tokenised(capsys) == [6, 4, 14]


def test_fewer_than_are_there_change_nothing(small_files, small_model, sampled, capsys):
    before = answers_of(sampled)
    assert sweep(small_files, small_model, sampled, 4) == 0
    assert answers_of(sampled) == before
    said = capsys.readouterr().err
    assert "Nothing is left to decode" in said and "hold 12 questions already" in said
    assert json.loads((sampled / "sample.json").read_text())["questions"] == 12


@pytest.mark.slow
def test_cells_of_fewer_questions_are_taken_over_after_a_kill(
    small_files, small_model, whole, tmp_path, capsys, monkeypatch
):
    """Killed while files are written: some hold 6 questions, some none; then 10 are asked for."""
    assert sweep(small_files, small_model, tmp_path, 6, mask_zone="q2") == 0
    add, added = FinishedFiles.add, []

    def killed(self, name, *zones, **more):
        if added:
            raise KeyboardInterrupt
        added.append(name)
        add(self, name, *zones, **more)

    with monkeypatch.context() as patch:
        patch.setattr(FinishedFiles, "add", killed)
        assert sweep(small_files, small_model, tmp_path, 6, mask_zone="p2") != 0
    capsys.readouterr()
    assert sweep(small_files, small_model, tmp_path, 10) == 0
    # Four new questions for what was finished, ten for the rest.
    assert sorted(tokenised(capsys)) == [4, 10]
    everything = answers_of(whole)
    for name, texts in answers_of(tmp_path).items():
        assert len(texts) == 10 and texts.items() <= everything[name].items()


def test_another_seed_is_refused_and_draws_others(
    small_files, small_model, sampled, tmp_path, capsys
):
    assert sweep(small_files, small_model, sampled, 14, random_seed=7) == 2
    assert "--random_seed=12345" in capsys.readouterr().err.strip().splitlines()[-1]
    assert sweep(small_files, small_model, tmp_path, 12, random_seed=7) == 0
    own, other = (set(answers_of(f)["predictions.json"]) for f in (sampled, tmp_path))
    assert len(own) == len(other) and own != other


def test_a_sample_without_decoding_is_refused(small_files, tmp_path, capsys):
    assert small.run(small_files, tmp_path, do_train=True, max_questions=3) == 2
    assert "--max_questions" in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.slow
def test_squad_2_and_cmrc(small_files, small_model, tmp_path, capsys):
    more = dict(predict_file=small_files.data_2, version_2_with_negative=True)
    for number in (5, 9):
        assert sweep(small_files, small_model, tmp_path / "2", number, **more) == 0
    chosen = list(answers_of(tmp_path / "2")["predictions.json"])
    assert list(json.loads((tmp_path / "2" / "null_odds.json").read_text())) == chosen
    assert len(chosen) == 9
    given = [small_files.data_2, tmp_path / "2" / "predictions.json"]
    given += ["--na-prob-file", tmp_path / "2" / "null_odds.json"]
    assert small.status_of(eval_squad.main, list(map(str, given))) in (0, None)
    assert json.loads(capsys.readouterr().out)["total"] == 9
    assert sweep(small_files, small_model, tmp_path / "zh", 5, dataset="cmrc2018") == 0
    assert len(answers_of(tmp_path / "zh")["predictions.json"]) == 5
    given = [str(small_files.data), str(tmp_path / "zh" / "predictions.json")]
    for command, more in ((eval_cmrc2018, []), (eval_squad, ["--dataset=cmrc2018"])):
        assert small.status_of(command.main, given + more) in (0, None)
        out, err = capsys.readouterr()
        assert json.loads(out)["TOTAL"] == 5 and "a random sample: 5 of 24 questions" in err
        assert re.search(r"EM: [\d.]+, 95 % interval .*\nF1: [\d.]+, 95 % interval", err)


def test_everything_scores_the_sample_without_being_told(
    small_files, sampled, whole, tmp_path, capsys
):
    """A folder with all questions, put beside it, counts by the same sample."""

    def run(command, *given):
        assert small.status_of(command.main, list(map(str, given))) in (0, None)
        out, err = capsys.readouterr()
        assert "random sample: 12 of 24 questions" in out + err or command is visualize_att_zone
        return out + err

    data, table = ("--data-file", small_files.data), tmp_path / "r.csv"
    said = run(get_results, sampled, table, *data)
    assert "over 12 questions" in said and (tmp_path / "r_significance.csv").exists()
    run(visualize_att_zone, table, sampled, tmp_path / "r.svg")
    assert "random sample: 12 of 24 questions; 95 % intervals" in (tmp_path / "r.svg").read_text()
    run(report, sampled, small_files.data, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "The questions are a random sample: 12 of 24 questions." in page
    assert "12 questions of" in run(compare_results, sampled, whole, *data)
    said = run(eval_squad, small_files.data, sampled / "predictions.json")
    assert '"total": 12' in said and "exact: " in said and "95 % interval" in said


def test_a_note_that_cannot_be_read_and_other_questions_are_named(
    small_files, sampled, tmp_path, capsys
):
    (tmp_path / "predictions.json").write_bytes((sampled / "predictions.json").read_bytes())
    given = [str(small_files.data), str(tmp_path / "predictions.json")]
    for note, part in (("[1]", "sample.json"), ('{"questions": 3}', "sample.json")):
        (tmp_path / "sample.json").write_text(note)
        assert small.status_of(eval_squad.main, given) == 2
        assert part in capsys.readouterr().err.strip().splitlines()[-1]
    note = dict(questions=3, of=99, random_seed=1)
    (tmp_path / "sample.json").write_text(json.dumps(note))
    assert small.status_of(eval_squad.main, given) == 2
    assert "a sample of 99" in capsys.readouterr().err.strip().splitlines()[-1]


# The estimate -----------------------------------------------------------------------------------


def told(seconds_each, num_questions, capsys, batches=20):
    """What is said of a decoding of 2,000 equal windows in batches of 100."""
    now = [0.0]
    costs = costs_of([100] * 2000, 768)
    estimate = Estimate(costs, 61, num_questions, clock=lambda: now[0])
    capsys.readouterr()
    for number in range(batches):
        now[0] += 100 * seconds_each
        estimate.saw(100 * number, 100 * (number + 1))
    return capsys.readouterr().err


def test_a_long_decoding_is_told_once_with_what_a_sample_would_take(capsys):
    said = told(18, 1800, capsys)
    assert len(said.strip().splitlines()) == 1
    assert "61 cells x 2,000 windows of 1,800 questions: about 10 h" in said
    # 20 s for each question.
    assert "--max_questions=100, would take about 33 min" in said


def test_a_short_one_is_not(capsys):
    assert told(0.2, 1800, capsys) == ""


def test_a_few_questions_are_told_without_a_sample(capsys):
    said = told(18, 150, capsys)
    assert "about 10 h" in said and "--max_questions" not in said


@pytest.mark.parametrize(
    "seconds, text",
    [
        (20, "1 min"),
        (3000, "50 min"),
        (5000, "1 h 20 min"),
        (60000, "17 h"),
        (400000, "4 days 15 h"),
    ],
)
def test_times_are_rounded(seconds, text):
    assert in_words(seconds) == text


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray: make setup-ray")
def test_a_cluster_adds_to_a_sample(small_files, small_model, whole, tmp_path):
    assert sweep(small_files, small_model, tmp_path, 6) == 0
    cluster = dict(ray_address="local", ray_workers=1)
    flags = dict(SWEEP, prediction_dir=tmp_path, max_questions=10, **cluster)
    command = [sys.executable, str(ROOT / "run_squad.py")]
    command += small.flags(small_files, small_model, **flags)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, universal_newlines=True)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0 and "tokenising: 4 questions" in said, said
    everything = answers_of(whole)
    for name, texts in answers_of(tmp_path).items():
        assert len(texts) == 10 and texts.items() <= everything[name].items()
