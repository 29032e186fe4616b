"""The flags of run_squad.py: one table, from which everything that has to do with a flag follows.

Its name, its default, its help, what values it takes, and what depends on it: the answers, the
trained weights, both or neither. What answers depend on names a decoding (running/saved.py); what
the weights depend on is noted beside them (running/training.py).
"""

import math
import textwrap
from typing import Any, NamedTuple, Optional, Tuple

from absl import flags

from common.command_line import UserError
from spans import data_sets
from zones.masks import OFFERED_ZONES, ZONES

# What may depend on a flag.
ANSWERS, WEIGHTS = "answers", "weights"

# What a reader's own folder says of a flag (see reader_folder.py): the default, where it is not
# typed. Where it is, it must AGREE; or a NOTE says that it DIFFERS; or the user is FREE.
AGREE, DIFFERS, FREE = "agree", "differs", "free"

# Kinds of values. FILE is the path of a file that is read.
TEXT, FILE, SWITCH, WHOLE, NUMBER = "text", "file", "switch", "whole number", "number"
# A switch that takes FORCE, too.
FORCIBLE, FORCE = "switch or force", "force"

# What numpy and TensorFlow both take as a seed.
_LARGEST_SEED = 2**31 - 1


class Flag(NamedTuple):
    """One flag.

    Attributes:
        name: as it is typed behind the dashes; Settings has it as an attribute.
        kind: TEXT, FILE, SWITCH (True or False), FORCIBLE, WHOLE or NUMBER.
        default: the value where it is not typed.
        help: what --help says of it.
        decides: what depends on it: ANSWERS, WEIGHTS, both or neither. Of a FILE, its content.
        lower, upper: the least and the largest number that it takes; None is any.
        noted: AGREE, DIFFERS or FREE, where a reader's folder says it; else None.
    """

    name: str
    kind: str
    default: Any
    help: str
    decides: Tuple[str, ...] = ()
    lower: Optional[float] = None
    upper: Optional[float] = None
    noted: Optional[str] = None


def _switch(name, default, text, decides=(), noted=None):
    return Flag(name, SWITCH, default, text, decides, noted=noted)


def _text(name, default, text, decides=()):
    return Flag(name, TEXT, default, text, decides)


def _file(name, text, decides=()):
    return Flag(name, FILE, None, text, decides)


def _whole(name, default, text, decides=(), lower=1, upper=None, noted=None):
    return Flag(name, WHOLE, default, text, decides, lower, upper, noted)


def _number(name, default, text, decides=(), lower=None, upper=None):
    return Flag(name, NUMBER, default, text, decides, lower, upper)


_A, _W, _BOTH = (ANSWERS,), (WEIGHTS,), (ANSWERS, WEIGHTS)

_TASK = (
    _switch("help", False, "Show this text."),
    _switch("do_train", False, "Fine-tune on --train_file."),
    _switch("do_predict", False, "Decode --predict_file: the baseline, or one masked cell."),
    _switch("do_sweep", False, "Decode --predict_file: the baseline and every cell, in one go."),
    _text(
        "mask_zone",
        None,
        "The zone to mask: %s. With --do_sweep, several may be given, separated by commas, and "
        "the default is %s." % (", ".join(OFFERED_ZONES), ",".join(ZONES)),
    ),
    _file(
        "zones_file",
        "Zones of your own, which --mask_zone then takes, too: JSON such as "
        '{"sep": [["any", ["sep", "end"]]]}, pairs of who looks and what they may not look at. '
        "With --do_sweep they join the default of --mask_zone.",
    ),
    _text(
        "mask_layer",
        None,
        "The layer to mask it in, from 0, such as 3; or a run of layers at once, such as 3-5. "
        "Without it, --do_predict masks every layer at once and --do_sweep decodes one cell per "
        "layer.",
    ),
    _whole("mask_head", None, "The only head to mask it in, from 0. By default all are.", lower=0),
    _whole(
        "sweep_span",
        None,
        "With --do_sweep: instead of single layers, every run of so many consecutive layers.",
    ),
    _switch(
        "sweep_heads",
        False,
        "With --do_sweep: instead of whole layers, every head of every layer.",
    ),
    _switch(
        "sweep_every",
        False,
        "With --do_sweep: instead of single layers, every layer at once.",
    ),
    _text(
        "dataset",
        data_sets.DEFAULT,
        "Whose rules: %s. SQuAD's are for any language written with spaces between words, "
        "CMRC 2018's for Chinese." % " or ".join(data_sets.NAMES),
        _BOTH,
    ),
    _file("train_file", "Training questions: JSON in the data set's format.", _W),
    _file("predict_file", "Questions to decode: JSON in the data set's format.", _A),
    _whole(
        "max_questions",
        None,
        "Decode so many questions only, chosen at random by --random_seed. More of them can be "
        "decoded later: these are among them.",
    ),
    _text("output_dir", None, "Where checkpoints are written, and read for decoding."),
    _text("prediction_dir", None, "Where prediction files go; by default --output_dir."),
    _switch(
        "write_attention",
        False,
        "Write attention.csv, too: for each layer, head and zone the mean weight that its rows "
        "give to its keys with nothing masked.",
    ),
    _switch("write_nbest", False, "With --do_sweep: n-best files for the masked cells too."),
    _switch("overwrite", False, "Train anew, and decode again what is complete."),
)

_MODEL = (
    _file(
        "vocab_file",
        "The vocabulary, one word piece to a line; or a tokenizer.json of the tokenizers library, "
        "which says all that the flags from --do_lower_case to --align_answers say. Readers made "
        "by this program have their own in --output_dir, and so need none of these flags.",
        _BOTH,
    ),
    _file("bert_config_file", "The model's shape: bert_config.json.", _BOTH),
    _text(
        "init_checkpoint",
        None,
        "What training starts from: a pre-trained BERT, such as bert/bert_model.ckpt, or a reader.",
        _W,
    ),
    _switch(
        "do_lower_case", True, "Lower-case the text: True for uncased models only.", _BOTH, AGREE
    ),
    _switch(
        "strip_accents",
        None,
        "Strip accents off; by default where text is lower-cased.",
        _BOTH,
        AGREE,
    ),
    _switch(
        "tokenize_chinese_chars",
        True,
        "Make each CJK character a token of its own.",
        _BOTH,
        AGREE,
    ),
    _switch(
        "align_answers",
        True,
        "Put answers together from words, as the published code does. False cuts them out of the "
        "passage by the places of their first and last character, as for readers from the Hugging "
        "Face hub.",
        _BOTH,
        FREE,
    ),
    _switch("version_2_with_negative", False, "SQuAD 2.0: some questions have no answer.", _BOTH),
    _whole("max_seq_length", 384, "The most tokens in a window.", _BOTH, noted=DIFFERS),
    _whole(
        "doc_stride",
        128,
        "How far a window begins after the one before it, in tokens.",
        _BOTH,
        noted=DIFFERS,
    ),
    _whole(
        "max_query_length",
        64,
        "A question is cut off after this many tokens.",
        _BOTH,
        noted=DIFFERS,
    ),
)

_TRAINING = (
    _whole("train_batch_size", 32, "Windows in a training step.", _W),
    _number("learning_rate", 5e-5, "The peak learning rate.", _W, lower=0),
    _number("num_train_epochs", 3.0, "Times to go through the training questions.", _W, lower=0),
    _number(
        "warmup_proportion",
        0.1,
        "Share of the steps in which the rate rises, from 0 to 1.",
        _W,
        lower=0,
        upper=1,
    ),
    _whole("save_checkpoints_steps", 1000, "Training steps between checkpoints."),
    _whole(
        "random_seed",
        12345,
        "Fixes the data's order, the initial weights, and which are the --max_questions.",
        _W,
        lower=0,
        upper=_LARGEST_SEED,
    ),
)

_DECODING = (
    _whole(
        "predict_batch_size",
        8,
        "Sequences in memory at once, for each of the --threads; lower it if memory runs out.",
    ),
    _whole(
        "threads",
        None,
        "Batches of windows to decode side by side, each on one core; no answer depends on it. By "
        "default one for every core, or one on a GPU.",
    ),
    _whole("n_best_size", 20, "Starts and ends considered; entries in an n-best list.", _A),
    _whole("max_answer_length", 30, "The most tokens in an answer.", _A),
    _switch(
        "score_padding",
        None,
        "Let padded positions compete for the --n_best_size places and, in training, take their "
        "share of the softmax, as in the published code. False lets real tokens only compete and "
        "reads each window at its own length, which is two to three times as fast. By default "
        "False in training, and in decoding as the reader was trained; True for readers that "
        "do not say, as the published code's.",
        _BOTH,
        FREE,
    ),
    _number(
        "null_score_diff_threshold",
        0.0,
        "SQuAD 2.0: answer nothing where that scores higher by more than this.",
        _A,
    ),
    _whole("sweep_save_secs", 15, "Seconds between saves of a decoding's progress.", lower=0),
)

_MACHINE = (
    Flag(
        "mixed_precision",
        FORCIBLE,
        False,
        "Multiply matrices in 16 bits: on a GPU with tensor cores (decoding only), or, with "
        "TensorFlow 2.15 or later, on a CPU that has AVX512-BF16 or AMX. True does so if a "
        "measurement of a second finds it faster here, force does so anyway. Answers differ a "
        "little.",
        _BOTH,
    ),
    _switch("use_tpu", False, "Run on a Cloud TPU."),
    _text("tpu_name", None, "The Cloud TPU's name, or its grpc:// address."),
    _text("tpu_zone", None, "The Google Cloud zone that it is in."),
    _text("gcp_project", None, "The Google Cloud project that it is in."),
    _text("master", None, "The address of a TensorFlow master, if not found by itself."),
    _whole("num_tpu_cores", 8, "Cores of the TPU."),
    _whole("iterations_per_loop", 1000, "Training steps between reports of a TPU."),
    _text(
        "ray_address",
        None,
        "Spread --do_sweep over a Ray cluster: auto (the one that this machine is part of), the "
        "head's host:port, or local (one started for this run, on this machine).",
    ),
    _whole("ray_workers", None, "Workers in it. By default one per GPU, else one per machine."),
    _switch("verbose_logging", False, "Show TensorFlow's own notes, and more of ours."),
)

TABLE = _TASK + _MODEL + _TRAINING + _DECODING + _MACHINE


def deciding(what):
    """The names of the flags on which ANSWERS or WEIGHTS depend, in the order of the table."""
    return [flag.name for flag in TABLE if what in flag.decides]


class _SwitchOrForce(flags.BooleanParser):
    def parse(self, argument):
        """True, False, or FORCE itself."""
        return FORCE if argument == FORCE else super().parse(argument)


def define_flags():
    """The table as absl.flags.FlagValues, fresh."""
    defined = flags.FlagValues()
    for flag in TABLE:
        chosen = dict(name=flag.name, default=flag.default, help=flag.help, flag_values=defined)
        bounds = dict(lower_bound=flag.lower, upper_bound=flag.upper)
        if flag.kind == SWITCH:
            flags.DEFINE_bool(**chosen)
        elif flag.kind == FORCIBLE:
            del chosen["flag_values"]
            switch = flags.BooleanFlag(**chosen)
            switch.parser = _SwitchOrForce()
            flags.DEFINE_flag(switch, defined)
        elif flag.kind == WHOLE:
            flags.DEFINE_integer(**chosen, **bounds)
        elif flag.kind == NUMBER:
            flags.DEFINE_float(**chosen, **bounds)
        else:
            flags.DEFINE_string(**chosen)
    return defined


def parse(argv):
    """The flags as they were typed, as absl.flags.FlagValues.

    Args:
        argv: what stands behind the program's name.

    Raises:
        UserError: an unknown flag, a value that is none for it, or a word that is no flag.
    """
    parsed = define_flags()
    try:
        rest = parsed(["run_squad.py"] + list(argv))[1:]
    except flags.Error as error:
        raise UserError("%s (see --help)" % error)
    if rest:
        raise UserError("%r is not a flag; flags are written --name=value" % rest[0])
    for flag in TABLE:
        value = parsed[flag.name].value
        if flag.kind == NUMBER and value is not None and not math.isfinite(value):
            raise UserError("--%s=%s is not a finite number (see --help)" % (flag.name, value))
    return parsed


def help_text(introduction):
    """What --help prints below the introduction."""
    lines = [introduction.strip(), "", "Flags:"]
    for flag in TABLE:
        default = "" if flag.default is None else " [%s]" % flag.default
        lines += textwrap.wrap(
            "--%s: %s%s" % (flag.name, flag.help, default),
            width=95,
            initial_indent="  ",
            subsequent_indent="      ",
        )
    return "\n".join(lines)
