"""From here to the hub: a trained reader becomes a directory that ``transformers`` loads."""

import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common.progress import say
from hub.architectures import HUB_ARCHITECTURES, SPAN_HEAD, their_config, their_name
from hub.reading import CONFIG
from hub.tokenizer_files import write_tokenizer
from hub.weights import write_json, write_safetensors
from running import checkpoints

WEIGHTS = "model.safetensors"


def to_hub(checkpoint, out, config, tokenizer_path, settings):
    """Writes a trained reader to OUT.

    Args:
        checkpoint: the checkpoint's name without ending.
        out: the directory to write.
        config: its BertConfig.
        tokenizer_path: its ``vocab.txt`` or ``tokenizer.json``.
        settings: of a ``vocab.txt``: do_lower_case, strip_accents and tokenize_chinese_chars.

    Raises:
        UserError: a file cannot be read, or OUT not be written.
    """
    architecture = HUB_ARCHITECTURES[config.model_type]
    name = files.name_of(tokenizer_path)
    content = files.read_bytes(tokenizer_path, "--vocab_file")
    stored = tf.train.load_checkpoint(checkpoint)
    tensors = {}
    for ours in checkpoints.model_shapes(config):
        theirs = their_name(ours, config.model_type)
        prefix = "" if theirs.startswith(SPAN_HEAD) else config.scope + "."
        array = stored.get_tensor(ours)
        tensors[prefix + theirs] = np.ascontiguousarray(
            array.T if ours.endswith("/kernel") else array
        )
    files.make_directory(out, "OUT")
    write_safetensors(files.join(out, WEIGHTS), tensors)
    write_json(files.join(out, CONFIG), their_config(config))
    write_tokenizer(out, config, architecture, name, content, settings)
    say("Written: %d tensors, %s, %s and its settings in %s" % (len(tensors), CONFIG, name, out))
