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

import os

# TensorFlow reads this once, when it is loaded: show its errors, not its notes.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import dataclasses
import sys
import textwrap

import tensorflow.compat.v1 as tf
from absl import flags

import tokenization
from common import command_line, files
from common.command_line import UserError
from common.progress import say
from modeling import BertConfig
from running import checkpoints, cluster, machines, training
from running import decoding as prediction
from running import estimator as runtime
from running.settings import Settings
from spans import data_sets
from zones.cells import BASELINE, Cell, cells_of
from zones.masks import OFFERED_ZONES, ZONES


def define_flags():
    """The flags of this program, fresh, as absl.flags.FlagValues."""
    defined = flags.FlagValues()

    def string(name, default, text):
        flags.DEFINE_string(name, default, text, flag_values=defined)

    def boolean(name, default, text):
        flags.DEFINE_bool(name, default, text, flag_values=defined)

    def integer(name, default, text, lower=1):
        flags.DEFINE_integer(name, default, text, lower_bound=lower, flag_values=defined)

    def number(name, default, text, lower=None):
        flags.DEFINE_float(name, default, text, lower_bound=lower, flag_values=defined)

    _define_task_flags(string, boolean, integer)
    _define_model_flags(string, boolean, integer, number)
    _define_machine_flags(string, boolean, integer)
    return defined


def _define_task_flags(string, boolean, integer):
    boolean("help", False, "Show this text.")
    boolean("do_train", False, "Fine-tune on --train_file.")
    boolean("do_predict", False, "Decode --predict_file: the baseline, or one masked cell.")
    boolean("do_sweep", False, "Decode --predict_file: the baseline and every cell, in one go.")
    string(
        "mask_zone",
        None,
        "The zone to mask: %s. With --do_sweep, several may be given, separated by commas, and "
        "the default is %s." % (", ".join(OFFERED_ZONES), ",".join(ZONES)),
    )
    integer(
        "mask_layer",
        None,
        "The layer to mask it in, from 0. Without it, --do_predict masks every layer at once and "
        "--do_sweep decodes one cell per layer.",
        lower=0,
    )
    string(
        "dataset",
        data_sets.DEFAULT,
        "Whose rules: %s. SQuAD's are for any language written with spaces between words, "
        "CMRC 2018's for Chinese." % " or ".join(data_sets.NAMES),
    )
    string("train_file", None, "Training questions: JSON in the data set's format.")
    string("predict_file", None, "Questions to decode: JSON in the data set's format.")
    string("output_dir", None, "Where checkpoints are written, and read for decoding.")
    string("prediction_dir", None, "Where prediction files go; by default --output_dir.")
    boolean("write_nbest", False, "With --do_sweep: n-best files for the masked cells too.")
    boolean("overwrite", False, "Decode again what is complete.")


def _define_model_flags(string, boolean, integer, number):
    string("vocab_file", None, "The vocabulary, one word piece to a line.")
    string("bert_config_file", None, "The model's shape: bert_config.json.")
    string("init_checkpoint", None, "A pre-trained BERT to start from: .../bert_model.ckpt.")
    boolean("do_lower_case", True, "Lower-case the text: True for uncased models only.")
    boolean("version_2_with_negative", False, "SQuAD 2.0: some questions have no answer.")
    integer("max_seq_length", 384, "The most tokens in a window.")
    integer("doc_stride", 128, "How far a window begins after the one before it, in tokens.")
    integer("max_query_length", 64, "A question is cut off after this many tokens.")
    integer("train_batch_size", 32, "Windows in a training step.")
    number("learning_rate", 5e-5, "The peak learning rate.", lower=0.0)
    number("num_train_epochs", 3.0, "Times to go through the training questions.", lower=0.0)
    number("warmup_proportion", 0.1, "Share of the steps in which the rate rises.", lower=0.0)
    integer("save_checkpoints_steps", 1000, "Training steps between checkpoints.")
    integer("random_seed", 12345, "Fixes the data's order and the initial weights.", lower=0)
    integer("predict_batch_size", 8, "Sequences in memory at once; lower it if memory runs out.")
    integer("n_best_size", 20, "Starts and ends considered; entries in an n-best list.")
    integer("max_answer_length", 30, "The most tokens in an answer.")
    boolean(
        "score_padding",
        None,
        "Let padded positions compete for the --n_best_size places, as the published code does. "
        "False lets real tokens only compete and reads each window at its own length, which is "
        "two to three times as fast. By default as the model was trained: False for models of "
        "this program, True for others.",
    )
    number(
        "null_score_diff_threshold",
        0.0,
        "SQuAD 2.0: answer nothing where that scores higher by more than this.",
    )


def _define_machine_flags(string, boolean, integer):
    integer("sweep_save_secs", 15, "Seconds between saves of a decoding's progress.", lower=0)
    boolean(
        "mixed_precision",
        False,
        "Multiply matrices in 16 bits: on a GPU with tensor cores (decoding only), or, with "
        "TensorFlow 2.15, on a CPU that has AVX512-BF16 or AMX. Faster; answers differ a little.",
    )
    boolean("use_tpu", False, "Run on a Cloud TPU.")
    string("tpu_name", None, "The Cloud TPU's name, or its grpc:// address.")
    string("tpu_zone", None, "The Google Cloud zone that it is in.")
    string("gcp_project", None, "The Google Cloud project that it is in.")
    string("master", None, "The address of a TensorFlow master, if not found by itself.")
    integer("num_tpu_cores", 8, "Cores of the TPU.")
    integer("iterations_per_loop", 1000, "Training steps between reports of a TPU.")
    string(
        "ray_address",
        None,
        "Spread --do_sweep over a Ray cluster: auto (the one that this machine is part of), the "
        "head's host:port, or local (one started for this run, on this machine).",
    )
    integer("ray_workers", None, "Workers in it. By default one per GPU, else one per machine.")
    boolean("verbose_logging", False, "Show TensorFlow's own notes, and more of ours.")


def help_text(defined):
    """What --help prints."""
    lines = [__doc__.strip(), "", "Flags:"]
    for name in defined:
        flag = defined[name]
        default = "" if flag.default is None else " [%s]" % flag.default
        lines += textwrap.wrap(
            "--%s: %s%s" % (name, flag.help, default),
            width=95,
            initial_indent="  ",
            subsequent_indent="      ",
        )
    return "\n".join(lines)


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
        runtime.check_mixed_precision(asked.do_train)


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


def _check_sizes(asked, config, vocabulary):
    """Raises UserError if vocabulary, configuration and lengths do not go together."""
    num_pieces = max(vocabulary.values()) + 1
    if num_pieces != config.vocab_size:
        raise UserError(
            "--vocab_file: %s has %d entries but --bert_config_file says vocab_size %d; "
            "use the two files that came together"
            % (asked.vocab_file, num_pieces, config.vocab_size)
        )
    if asked.max_seq_length > config.max_position_embeddings:
        raise UserError(
            "--max_seq_length: %d is more than the %d positions that the model knows"
            % (asked.max_seq_length, config.max_position_embeddings)
        )
    if asked.warmup_proportion > 1:
        raise UserError(
            "--warmup_proportion: %g is no share; it goes from 0 to 1" % asked.warmup_proportion
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
        version_2=asked.version_2_with_negative,
        write_nbest=asked.write_nbest or not asked.do_sweep,
        save_secs=asked.sweep_save_secs,
        verbose=asked.verbose_logging,
        machine=machines.Machine() if asked.use_tpu else machines.this_machine(),
    )
    return Settings(**same_name)


def main(argv=None):
    """Trains, decodes, or both, as the flags say; see --help.

    Raises:
        UserError: a mistake in the flags or in a file they name.
    """
    FLAGS = define_flags()
    try:
        rest = FLAGS([sys.argv[0]] + list(sys.argv[1:] if argv is None else argv))[1:]
    except flags.Error as error:
        raise UserError("%s (see --help)" % error)
    if FLAGS.help:
        print(help_text(FLAGS))
        return 0
    if rest:
        raise UserError("%r is not a flag; flags are written --name=value" % rest[0])
    runtime.prepare(FLAGS.verbose_logging)
    _check_task(FLAGS)
    config = BertConfig.from_file(FLAGS.bert_config_file)
    vocabulary = tokenization.load_vocabulary(FLAGS.vocab_file)
    tokenization.check_case(vocabulary, FLAGS.do_lower_case)
    _check_sizes(FLAGS, config, vocabulary)
    settings = _settings_of(FLAGS, config)
    return run(settings, vocabulary, FLAGS.do_train, FLAGS.do_predict or FLAGS.do_sweep)


def run(settings, vocabulary, do_train, do_decode):
    """Does what checked settings ask for."""
    runtime.set_seeds(settings.random_seed)
    tokenizer = tokenization.Tokenizer(vocabulary, settings.do_lower_case)
    if do_decode:
        files.make_directory(settings.prediction_dir, "--prediction_dir")
    try:
        if do_train:
            files.make_directory(settings.output_dir, "--output_dir")
            if do_decode:
                # A mistake in it should show now, not after hours of training.
                prediction.read_examples(settings)
            training.train(settings, tokenizer)
        if not settings.use_tpu:
            machines.leave()
        if do_decode and not settings.machine.is_first:
            say("This is %s: the first one decodes." % settings.machine)
        elif do_decode:
            prediction.decode(settings, tokenizer)
    except tf.errors.ResourceExhaustedError:
        raise UserError(
            "the device ran out of memory; lower --%s"
            % ("train_batch_size" if do_train else "predict_batch_size")
        )
    except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as error:
        raise UserError(
            "--output_dir or --init_checkpoint: a checkpoint in there is damaged (%s); "
            "copy it again" % str(error).split("\n")[0]
        )
    return 0


if __name__ == "__main__":
    command_line.run(main, goes_on=True)
