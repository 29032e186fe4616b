"""The one table of flags: what is typed, what it decides, and what is refused."""

import dataclasses
import pickle

import pytest

from common.command_line import UserError
from modeling import BertConfig
from running import flags
from running.machines import Machine
from running.settings import Settings
from zones.cells import BASELINE


def settings(tmp_path, **more):
    """Settings with every flag at its default, but for those given."""
    for name in ("vocab_file", "train_file", "predict_file"):
        (tmp_path / name).write_text(name)
        more.setdefault(name, str(tmp_path / name))
    parsed = flags.parse([])
    values = {
        field.name: more.get(field.name, parsed[field.name].value)
        for field in dataclasses.fields(Settings)
        if field.name in parsed
    }
    return Settings(bert_config=BertConfig(99), cells=(BASELINE,), machine=Machine(), **values)


def test_every_flag_has_its_place_and_bounds_hold(tmp_path):
    names = [flag.name for flag in flags.TABLE]
    assert len(set(names)) == len(names)
    parsed = flags.parse(["--learning_rate=1e-3", "--do_sweep", "--nodo_lower_case"])
    assert (parsed.learning_rate, parsed.do_sweep, parsed.do_lower_case) == (1e-3, True, False)
    for flag in flags.TABLE:
        if flag.lower is not None:
            flags.parse(["--%s=%s" % (flag.name, flag.lower)])
            with pytest.raises(UserError, match=flag.name):
                flags.parse(["--%s=%s" % (flag.name, flag.lower - 1)])


@pytest.mark.parametrize(
    "argument, part",
    [
        ("--learning_rate=nan", "learning_rate"),
        ("--num_train_epochs=inf", "num_train_epochs"),
        ("--null_score_diff_threshold=-inf", "null_score_diff_threshold"),
        ("--random_seed=4294967296", "random_seed"),
        ("--warmup_proportion=1.5", "warmup_proportion"),
        ("--max_seq_length=384.5", "max_seq_length"),
        ("--do_train=perhaps", "do_train"),
        ("--flagfile=/nowhere", "/nowhere"),
        ("squad", "--name=value"),
        ("--mask_zones=q2", "mask_zone"),
    ],
)
def test_what_is_no_value_is_refused_by_name(argument, part):
    with pytest.raises(UserError, match=part):
        flags.parse([argument])


def test_a_file_decides_by_its_content_and_not_by_its_name(tmp_path):
    before = settings(tmp_path)
    (tmp_path / "other").write_text("vocab_file")
    assert dataclasses.replace(before, vocab_file=str(tmp_path / "other")).deciding(
        flags.ANSWERS
    ) == before.deciding(flags.ANSWERS)
    (tmp_path / "other").write_text("another vocabulary")
    assert dataclasses.replace(before, vocab_file=str(tmp_path / "other")).deciding(
        flags.ANSWERS
    ) != before.deciding(flags.ANSWERS)


def test_what_decides_nothing_is_in_neither_list(tmp_path):
    neither = {"help", "overwrite", "predict_batch_size", "save_checkpoints_steps", "use_tpu"}
    deciding = set(flags.deciding(flags.ANSWERS)) | set(flags.deciding(flags.WEIGHTS))
    assert not neither & deciding
    assert set(settings(tmp_path).deciding(flags.WEIGHTS)) == set(flags.deciding(flags.WEIGHTS))
    assert {"learning_rate", "train_file"} <= set(flags.deciding(flags.WEIGHTS)) - set(
        flags.deciding(flags.ANSWERS)
    )
    assert {"n_best_size", "predict_file"} <= set(flags.deciding(flags.ANSWERS)) - set(
        flags.deciding(flags.WEIGHTS)
    )


def test_settings_can_be_sent_to_another_process(tmp_path):
    sent = settings(tmp_path)
    assert pickle.loads(pickle.dumps(sent)) == sent
    assert sent.window_sizes == {"max_seq_length": 384, "doc_stride": 128, "max_query_length": 64}
