r"""Fine-tunes BERT on SQuAD or CMRC 2018, and decodes with attention zones masked.

Train, then decode the development set with nothing masked:

    python run_squad.py --do_train=True --train_file=squad/train-v1.1.json \
        --do_predict=True --predict_file=squad/dev-v1.1.json \
        --vocab_file=bert/vocab.txt --bert_config_file=bert/bert_config.json \
        --init_checkpoint=bert/bert_model.ckpt --output_dir=output/squad

Decode with the zone q2 masked in layer 3 (layers count from 0 here):

    python run_squad.py --do_predict=True --mask_layer=3 --mask_zone=q2 ...

Decode the baseline and all cells of the map in one go; or every run of three layers; or every head:

    python run_squad.py --do_sweep=True ...
    python run_squad.py --do_sweep=True --sweep_span=3 ...
    python run_squad.py --do_sweep=True --sweep_heads=True ...

train_squad.sh and decode_squad.sh type these for you; train_cmrc2018.sh and decode_cmrc2018.sh do
so with --dataset=cmrc2018.
"""

import common.environment  # noqa: F401

from common import quiet  # isort: split

import dataclasses
import os
import sys
import types

from common import command_line, files
from common.command_line import UserError
from common.configuration import BertConfig
from common.progress import say
from hub import tokenizers
from running import checkpoints, decoding, loop, machines, precision, reader_folder, training
from running.asked import cells_asked, check_task
from running.estimator import Tpu
from running.flags import help_text, parse
from running.settings import Settings


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


def _settings_of(asked, config):
    """The checked flags as one object."""
    known = {field.name for field in dataclasses.fields(Settings)}
    values = {name: value for name, value in vars(asked).items() if name in known}
    values.update(
        bert_config=config,
        cells=cells_asked(asked, config),
        prediction_dir=asked.prediction_dir or asked.output_dir,
        write_nbest=asked.write_nbest or not asked.do_sweep,
        machine=machines.Machine() if asked.use_tpu else machines.this_machine(),
        tpu=_tpu_of(asked) if asked.use_tpu else None,
    )
    return Settings(**values)


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
    words = list(sys.argv[1:] if argv is None else argv)
    FLAGS = parse(words)
    if FLAGS.help:
        print(help_text(__doc__))
        return 0
    quiet.prepare(FLAGS.verbose_logging)
    machines.tell_of_unused_gpu()
    typed = {name for name in FLAGS if FLAGS[name].present}
    asked = types.SimpleNamespace(**FLAGS.flag_values_dict())
    check_task(asked)
    if asked.do_train and asked.init_checkpoint:
        asked.init_checkpoint = checkpoints.named(asked.init_checkpoint, "--init_checkpoint")
    vars(asked).update(reader_folder.settle(asked, typed))
    config = BertConfig.from_file(asked.bert_config_file)
    tokenizer = tokenizers.load(
        asked.vocab_file,
        asked.do_lower_case,
        asked.strip_accents,
        asked.tokenize_chinese_chars,
        asked.align_answers,
    )
    _check_sizes(asked, config, tokenizer)
    asked.mixed_precision = precision.settled(asked.mixed_precision, config, asked.verbose_logging)
    settings = _settings_of(asked, config)
    if "SHOWN_COMMAND" in os.environ:  # set by scripts/drivers.sh
        print(os.environ["SHOWN_COMMAND"], flush=True)
    command = ["run_squad.py", *map(command_line.text, words)]
    return run(settings, tokenizer, asked.do_train, asked.do_predict or asked.do_sweep, command)


def run(settings, tokenizer, do_train, do_decode, command):
    """Does what checked settings ask for; ``command`` is the command line that asked."""
    if do_decode:
        files.make_directory(settings.prediction_dir, "--prediction_dir")
    if do_train:
        files.make_directory(settings.output_dir, "--output_dir")
    if do_train and do_decode:
        # A mistake in it should show now, not after hours of training.
        decoding.read_examples(settings)
    if do_train and do_decode and settings.tpu is None:
        loop.apart(
            training.train,
            settings,
            tokenizer,
            killed=training.KILLED,
            verbose=settings.verbose_logging,
        )
    elif do_train:
        training.train(settings, tokenizer)
    if settings.tpu is None:
        machines.leave()
    if do_decode and not settings.machine.is_first:
        say("This is %s: the first one decodes." % settings.machine)
    elif do_decode:
        decoding.run(settings, tokenizer, command)
    return 0


if __name__ == "__main__":
    command_line.run(main, goes_on=True)
