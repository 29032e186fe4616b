"""From here to the hub: a trained reader becomes a directory that ``transformers`` loads."""

import numpy as np
import tensorflow.compat.v1 as tf

import tokenization
from common import files
from common.command_line import UserError
from common.configuration import BertConfig
from common.progress import say
from hub.architectures import SPAN_HEAD, their_config, their_name
from hub.reading import CONFIG, OUR_CONFIG, check_apart, check_numbers
from hub.tokenizer_files import write_tokenizer
from hub.tokenizers import LIBRARY_FILE, VOCABULARY
from hub.weights import write_json, write_safetensors
from running import checkpoints, reader_folder
from running.reader_folder import CONVERTED, Note

WEIGHTS = "model.safetensors"


def to_hub(directory, out, config_path=None, tokenizer_path=None, do_lower_case=None):
    """Converts the trained reader in OUTPUT_DIR to OUT.

    Args:
        directory: its ``output_dir``.
        out: the directory to write.
        config_path: its ``bert_config.json``; None is that in the directory.
        tokenizer_path: its ``vocab.txt`` or ``tokenizer.json``; None is that in the directory.
        do_lower_case: of a ``vocab.txt``; None is what the note beside the reader says.

    Raises:
        UserError: a file cannot be read, or OUT not be written; nothing is written then.
    """
    check_apart(directory, out)
    if not files.is_directory(directory):
        raise UserError(
            "OUTPUT_DIR: there is no directory %s; name the one that the reader is in" % directory
        )
    inside = files.list_directory(directory, "OUTPUT_DIR")
    if config_path is None:
        config_path = _inside(directory, inside, "bert_config_file", OUR_CONFIG)
    if tokenizer_path is None:
        tokenizer_path = _inside(directory, inside, "vocab_file", LIBRARY_FILE, VOCABULARY)
    config = BertConfig.from_file(config_path)
    content = files.read_bytes(tokenizer_path, "--vocab_file")
    note = reader_folder.read_note(directory)
    settings = _tokenizer_settings(note.flags if note else {}, tokenizer_path, do_lower_case)
    checkpoint = checkpoints.fine_tuned(directory, config, "OUTPUT_DIR")
    tensors = _their_tensors(config, checkpoint)
    files.make_directory(out, "OUT")
    write_safetensors(files.join(out, WEIGHTS), tensors)
    write_json(files.join(out, CONFIG), their_config(config))
    name = write_tokenizer(out, config, content, settings)
    # Without a note it is the published code's, or as that is.
    published = Note(CONVERTED, files.absolute(directory), dict(settings or {}, score_padding=True))
    reader_folder.write_note(out, note or published)
    say("Written: %d tensors, %s, %s and its settings in %s" % (len(tensors), CONFIG, name, out))


def _inside(directory, names, flag, *wanted):
    """The path of the first of the wanted files that is there."""
    for name in wanted:
        if name in names:
            return files.join(directory, name)
    raise UserError(
        "--%s is missing, and %s has no %s; name the file that training had"
        % (flag, directory, " or ".join(wanted))
    )


def _tokenizer_settings(noted, path, do_lower_case):
    """How a ``vocab.txt`` is used, or None for a ``tokenizer.json``."""
    if str(path).endswith(".json"):
        return None
    vocabulary = tokenization.load_vocabulary(path)
    if do_lower_case is None:
        do_lower_case = noted.get("do_lower_case")
    if do_lower_case is None:
        do_lower_case = not tokenization.is_cased(vocabulary)
        say(
            "NOTE: nothing says whether the reader lower-cases text; its vocabulary is taken to be "
            "%s (see --do_lower_case)" % ("uncased" if do_lower_case else "cased")
        )
    tokenization.check_case(vocabulary, do_lower_case)
    return {
        "do_lower_case": do_lower_case,
        "strip_accents": noted.get("strip_accents"),
        "tokenize_chinese_chars": noted.get("tokenize_chinese_chars", True),
    }


def _their_tensors(config, checkpoint):
    """The reader's tensors as Hugging Face names and turns them: name -> array."""
    stored, tensors = tf.train.load_checkpoint(checkpoint), {}
    for ours in checkpoints.model_shapes(config):
        theirs = their_name(ours, config.model_type)
        prefix = "" if theirs.startswith(SPAN_HEAD) else config.scope + "."
        array = stored.get_tensor(ours)
        check_numbers(array, "OUTPUT_DIR: in %s, %s" % (checkpoint, ours))
        tensors[prefix + theirs] = np.ascontiguousarray(
            array.T if ours.endswith("/kernel") else array
        )
    return tensors
