"""Turns a reader from the Hugging Face hub into one for run_squad.py, and a trained one back."""

import common.environment  # noqa: F401

from common import quiet  # isort: split

from common import command_line, files
from common.command_line import UserError
from hub.reading import from_hub
from hub.writing import to_hub

_DESCRIPTION = """\
Converts readers between the Hugging Face hub's form and the one that run_squad.py reads.

  python convert_checkpoint.py DIR OUT

reads a directory as save_pretrained writes it, of BERT, ELECTRA, DistilBERT, ALBERT or RoBERTa. Of
a model for question answering OUT is a trained reader: set MODEL_OUTPUT_DIR=OUT for
decode_squad.sh. Of any other, OUT is where training starts: set BERT_DIR=OUT for train_squad.sh.

  python convert_checkpoint.py --to-safetensors OUTPUT_DIR OUT

takes the newest checkpoint of a trained reader in OUTPUT_DIR and writes OUT as save_pretrained
does. A reader whose directory lacks its configuration or its vocabulary needs --bert_config_file
and --vocab_file."""


def _check_order(options):
    """Raises UserError if it is OUT that holds the model, not DIR."""
    config = "bert_config.json" if options.to_safetensors else "config.json"
    first = "--to-safetensors output/squad" if options.to_safetensors else "path/to/hub-directory"

    def holds(folder):
        """Whether there is a model in the folder."""
        return files.exists(files.join(folder, config))

    command_line.check_order(
        "convert_checkpoint.py",
        (options.directory, options.out),
        ((first, holds), ("my-reader", lambda folder: not holds(folder))),
    )


def main(argv=None):
    """Runs the script; see ``--help``."""
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument("directory", metavar="DIR", help="a Hugging Face model, or OUTPUT_DIR")
    parser.add_argument("out", metavar="OUT", help="the directory to write")
    parser.add_argument(
        "--to-safetensors", action="store_true", help="convert a trained reader, in OUTPUT_DIR"
    )
    parser.add_argument("--bert_config_file", help="of the trained reader")
    parser.add_argument("--vocab_file", help="of the trained reader")
    parser.add_argument(
        "--do_lower_case",
        choices=("True", "False"),
        help="of the trained reader, where no note beside it says so",
    )
    options = parser.parse_args(argv)
    _check_order(options)
    of_one_way = ("bert_config_file", "vocab_file", "do_lower_case")
    given = [flag for flag in of_one_way if getattr(options, flag) is not None]
    if given and not options.to_safetensors:
        raise UserError(
            "--%s is for --to-safetensors; a directory of the hub has its own" % given[0]
        )
    quiet.prepare()
    if options.to_safetensors:
        lower = {"True": True, "False": False, None: None}[options.do_lower_case]
        to_hub(options.directory, options.out, options.bert_config_file, options.vocab_file, lower)
    else:
        from_hub(options.directory, options.out)
    return 0


if __name__ == "__main__":
    command_line.run(main)
