r"""Fine-tunes BERT on SQuAD or CMRC 2018, and decodes with attention zones masked.

Train, then decode the development set with nothing masked:

    python run_squad.py --do_train=True --train_file=squad/train-v1.1.json \
        --do_predict=True --predict_file=squad/dev-v1.1.json \
        --vocab_file=bert/vocab.txt --bert_config_file=bert/bert_config.json \
        --init_checkpoint=bert/bert_model.ckpt --output_dir=output/squad

Decode with the zone q2 masked in layer 3 (layers count from 0 here):

    python run_squad.py --do_predict=True --mask_layer=3 --mask_zone=q2 ...

Decode the baseline and all cells of the map in one go:

    python run_squad.py --do_sweep=True ...

train_squad.sh and decode_squad.sh type these for you; train_cmrc2018.sh and decode_cmrc2018.sh do
so with --dataset=cmrc2018.
"""

import common.environment  # noqa: F401

from common import quiet  # isort: split

import dataclasses
import sys

from common import command_line, files
from common.command_line import UserError
from common.configuration import BertConfig
from common.progress import say
from hub import tokenizers
from running import checkpoints, cluster, decoding, estimator, loop, machines, training
from running.estimator import Tpu
from running.flags import help_text, parse
from running.settings import Settings
from spans import data_sets
from zones.cells import BASELINE, Cell, cells_of
from zones.masks import OFFERED_ZONES, ZONES


def _check_task(asked):
    """Raises UserError unless the flags ask for something and name what that needs."""
    if not (asked.do_train or asked.do_predict or asked.do_sweep):
        raise UserError("nothing to do: give --do_train, --do_predict or --do_sweep (see --help)")
    data_set = data_sets.named(asked.dataset)
    if asked.version_2_with_negative and not data_set.has_null_answers:
        raise UserError(
            "--version_2_with_negative: %s has an answer to every question; leave this flag out"
            % data_set.title
        )
    needed = ["vocab_file", "bert_config_file", "output_dir"]
    needed += ["train_file"] if asked.do_train else []
    needed += ["predict_file"] if asked.do_predict or asked.do_sweep else []
    for name in needed:
        if not asked[name].value:
            raise UserError("--%s is missing; this run needs it" % name)
    for name in needed:
        if name.endswith("_file"):
            files.check_readable(asked[name].value, "--" + name)
    if asked.do_train and asked.init_checkpoint:
        checkpoints.stored_shapes(asked.init_checkpoint, "--init_checkpoint")
    if asked.mask_layer is not None and not asked.mask_zone and not asked.do_sweep:
        raise UserError(
            "--mask_layer=%d says where but not what to mask; add --mask_zone=%s"
            % (asked.mask_layer, "|".join(OFFERED_ZONES))
        )
    if asked.mask_zone and not (asked.do_predict or asked.do_sweep):
        raise UserError("--mask_zone masks at decoding; add --do_predict or --do_sweep")
    _check_ray(asked)
    if asked.use_tpu:
        _check_tpu(asked)
    if asked.mixed_precision:
        machines.check_mixed_precision(asked.do_train)


def _check_ray(asked):
    if asked.ray_workers is not None and not asked.ray_address:
        raise UserError(
            "--ray_workers=%d: in which Ray cluster? add --ray_address=auto" % asked.ray_workers
        )
    if not asked.ray_address:
        return
    if asked.use_tpu:
        raise UserError("--ray_address uses CPUs and GPUs; leave it out, or say --use_tpu=False")
    if not asked.do_sweep:
        raise UserError("--ray_address spreads a sweep over machines; add --do_sweep=True")
    cluster.check(asked.ray_address)


def _check_tpu(asked):
    estimator.check()
    if not (asked.tpu_name or asked.master):
        raise UserError("--use_tpu=True needs --tpu_name; on a CPU or GPU say --use_tpu=False")
    if not asked.output_dir.startswith("gs://"):
        raise UserError(
            "--output_dir: a Cloud TPU reads and writes gs://..., not %s" % asked.output_dir
        )
    if asked.mixed_precision:
        raise UserError(
            "--mixed_precision is for CPUs and GPUs; a TPU multiplies in bfloat16 without it"
        )
    for name in ("train_batch_size", "predict_batch_size"):
        if asked[name].value % 8:
            raise UserError(
                "--%s: %d is not a multiple of 8, which a TPU needs" % (name, asked[name].value)
            )


def _cells_asked(asked, num_layers):
    """The cells to decode, as a tuple.

    Raises:
        UserError: an unknown zone, several where one is asked for, or a layer the model lacks.
    """
    zones = [zone.strip() for zone in (asked.mask_zone or "").split(",") if zone.strip()]
    for zone in zones:
        if zone not in OFFERED_ZONES:
            raise UserError(
                "--mask_zone: there is no zone %r; choose from %s"
                % (zone, ", ".join(OFFERED_ZONES))
            )
    layer = asked.mask_layer
    if layer is not None and layer >= num_layers:
        raise UserError(
            "--mask_layer: the model has layers 0 to %d, not %d" % (num_layers - 1, layer)
        )
    if asked.do_sweep:
        cells = cells_of(num_layers, dict.fromkeys(zones or ZONES))
        return (BASELINE,) + tuple(c for c in cells if layer is None or c.layer == layer)
    if len(zones) > 1:
        raise UserError("--mask_zone: --do_predict masks one zone; for several use --do_sweep")
    return (Cell(layer, zones[0]),) if zones else (BASELINE,)


def _check_sizes(asked, config, tokenizer):
    """Raises UserError if vocabulary, configuration and lengths do not go together."""
    num_pieces = max(tokenizer.vocabulary.values()) + 1
    if num_pieces > config.vocab_size:
        raise UserError(
            "--vocab_file: %s has %d entries but --bert_config_file says vocab_size %d; "
            "use the two files that came together"
            % (asked.vocab_file, num_pieces, config.vocab_size)
        )
    if num_pieces < config.vocab_size:
        # Common among public models, whose embeddings are padded. A file cut short looks the same.
        say(
            "NOTE: %s has %d entries, and the model has room for %d"
            % (asked.vocab_file, num_pieces, config.vocab_size)
        )
    if asked.max_seq_length > config.longest_window:
        raise UserError(
            "--max_seq_length: %d is more than the %d positions that the model knows"
            % (asked.max_seq_length, config.longest_window)
        )


def _scores_padding(asked):
    """Whether padded positions compete: as the flag says, else as the model was trained.

    The published code trains and decodes at --max_seq_length, padding included. Here a batch is
    padded to its longest window, so that our models never learn what padding should score. Where
    the data set limits spans to the passage, padding has no chance, and the question is void.
    """
    if data_sets.named(asked.dataset).limits_spans:
        return False
    if asked.score_padding is not None:
        return asked.score_padding
    return not (asked.do_train or training.was_trained_here(asked.output_dir))


def _settings_of(asked, config):
    """The checked flags as one object."""
    same_name = {
        field.name: asked[field.name].value
        for field in dataclasses.fields(Settings)
        if field.name in asked
    }
    same_name.update(
        bert_config=config,
        cells=_cells_asked(asked, config.num_hidden_layers),
        prediction_dir=asked.prediction_dir or asked.output_dir,
        score_padding=_scores_padding(asked),
        write_nbest=asked.write_nbest or not asked.do_sweep,
        machine=machines.Machine() if asked.use_tpu else machines.this_machine(),
        tpu=_tpu_of(asked) if asked.use_tpu else None,
    )
    return Settings(**same_name)


def _tpu_of(asked):
    return Tpu(
        name=asked.tpu_name,
        zone=asked.tpu_zone,
        project=asked.gcp_project,
        master=asked.master,
        num_cores=asked.num_tpu_cores,
        iterations_per_loop=asked.iterations_per_loop,
    )


def main(argv=None):
    """Trains, decodes, or both, as the flags say; see --help.

    Raises:
        UserError: a mistake in the flags or in a file they name.
    """
    FLAGS = parse(sys.argv[1:] if argv is None else argv)
    if FLAGS.help:
        print(help_text(__doc__))
        return 0
    quiet.prepare(FLAGS.verbose_logging)
    machines.tell_of_unused_gpu()
    _check_task(FLAGS)
    config = BertConfig.from_file(FLAGS.bert_config_file)
    tokenizer = tokenizers.load(
        FLAGS.vocab_file,
        FLAGS.do_lower_case,
        FLAGS.strip_accents,
        FLAGS.tokenize_chinese_chars,
        FLAGS.align_answers,
    )
    _check_sizes(FLAGS, config, tokenizer)
    settings = _settings_of(FLAGS, config)
    return run(settings, tokenizer, FLAGS.do_train, FLAGS.do_predict or FLAGS.do_sweep)


def run(settings, tokenizer, do_train, do_decode):
    """Does what checked settings ask for."""
    if do_decode:
        files.make_directory(settings.prediction_dir, "--prediction_dir")
    if do_train:
        files.make_directory(settings.output_dir, "--output_dir")
    if do_train and do_decode:
        # A mistake in it should show now, not after hours of training.
        decoding.read_examples(settings)
    if do_train and do_decode and settings.tpu is None:
        loop.apart(training.train, settings, tokenizer, verbose=settings.verbose_logging)
    elif do_train:
        training.train(settings, tokenizer)
    if settings.tpu is None:
        machines.leave()
    if do_decode and not settings.machine.is_first:
        say("This is %s: the first one decodes." % settings.machine)
    elif do_decode:
        decoding.run(settings, tokenizer)
    return 0


if __name__ == "__main__":
    command_line.run(main, goes_on=True)
