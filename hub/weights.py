"""The tensors of a directory as ``save_pretrained`` writes it: in one file or in shards.

safetensors files are read as they are, and ``pytorch_model.bin`` where torch is installed.
"""

import json
import re
from typing import NamedTuple, Tuple

import numpy as np
import safetensors

from common import files
from common.command_line import UserError
from common.progress import say

# The names that weights come under: the file, and the index of its shards. A variant's have a word
# more, such as fp16.
_SAFETENSORS = (
    re.compile(r"model(\.[^.]+)?\.safetensors"),
    re.compile(r"model\.safetensors\.index(\.[^.]+)?\.json"),
)
_TORCH = (
    re.compile(r"pytorch_model(\.[^.]+)?\.bin"),
    re.compile(r"pytorch_model\.bin\.index(\.[^.]+)?\.json"),
)
# What else may be found in the place of weights, and what to do about it.
_ADAPTER = (
    "holds an adapter, which is only what was added to a model; load it with peft, call "
    "merge_and_unload() and save the result with save_pretrained"
)
_OTHERS = (
    (r"adapter_(config\.json|model\..*)", _ADAPTER),
    (
        r"tf_model.*\.h5|flax_model.*\.msgpack",
        "holds weights for another framework ({name}) only; load it with transformers 4 "
        "(from_tf=True or from_flax=True) and save it with save_pretrained",
    ),
    (
        r".*\.ckpt.*\.index",
        "holds a TensorFlow checkpoint ({name}), which needs no converting: name it with "
        "--init_checkpoint, or its directory with BERT_DIR; the way to the hub is --to-safetensors",
    ),
    (r".*\.(onnx|gguf|tflite|ot)", "holds {name} only, a form made for running, not for reading"),
    (r".*\.safetensors", "has no model.safetensors, but {name}; rename it if that is the model"),
)

_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


class StoredTensor(NamedTuple):
    """A tensor as it lies in a file.

    Attributes:
        path: the file.
        kind: how numbers are stored, as safetensors calls it, such as ``BF16``.
        shape: a tuple of int.
        data: bytes, or something that numpy reads as such.
    """

    path: str
    kind: str
    shape: Tuple[int, ...]
    data: bytes

    def array(self, name):
        """Its numbers as float32.

        Raises:
            UserError: they are no floating-point numbers that we know.
        """
        if self.kind == "BF16":
            # A bfloat16 is the upper half of a float32.
            halves = np.frombuffer(self.data, "<u2").astype("<u4")
            array = (halves << 16).view("<f4")
        elif self.kind in _KINDS:
            with np.errstate(over="ignore"):
                array = np.frombuffer(self.data, _KINDS[self.kind]).astype(np.float32)
        else:
            raise UserError(
                "DIR: in %s, %s is stored as %s, where 16, 32 or 64-bit floating-point numbers are "
                "expected; if the model is quantized, take the one that it was made from"
                % (self.path, name, self.kind)
            )
        return array.reshape(self.shape)


def read_directory(directory):
    """The tensors of a model.

    Returns:
        (the path of the weights, a dict: name -> StoredTensor).

    Raises:
        UserError: no weights that can be read are there, or not all of them.
    """
    if not files.is_directory(directory):
        if files.exists(directory):
            raise UserError("DIR: %s is a file; name the directory that it is in" % directory)
        raise UserError(
            "DIR: there is no directory %s; check the path. A model of the hub is downloaded "
            "first: huggingface-cli download NAME --local-dir DIR" % directory
        )
    names = files.list_directory(directory, "DIR")
    for read, (whole, index) in ((_read_safetensors, _SAFETENSORS), (_read_torch, _TORCH)):
        name = _only(whole, names, directory) or _only(index, names, directory)
        if name is None:
            continue
        path = files.join(directory, name)
        is_whole = whole.fullmatch(name)
        tensors = read(path) if is_whole else _read_shards(directory, path, names, read)
        if any(re.search(r"\.(lora_\w+|base_layer)\.", tensor) for tensor in tensors):
            raise UserError("DIR: %s %s" % (path, _ADAPTER))
        return path, tensors
    for pattern, told in _OTHERS:
        for name in names:
            if re.fullmatch(pattern, name):
                raise UserError("DIR: %s %s" % (directory, told.format(name=name)))
    inside = _model_inside(directory, names)
    raise UserError(
        "DIR: %s has no model.safetensors; name %s"
        % (directory, inside or "the directory of a Hugging Face model")
    )


def _model_inside(directory, names):
    """A directory further down that holds a model, as in the hub's cache; None if there is none."""
    folders = [files.join(directory, name) for name in names]
    cache = files.join(directory, "snapshots")
    if cache in folders:
        folders += [files.join(cache, name) for name in files.list_directory(cache, "DIR")]
    return next((f for f in folders if files.exists(files.join(f, "config.json"))), None)


def _only(pattern, names, directory):
    """The name that has this form; the plain one if there are several."""
    found = [name for name in names if pattern.fullmatch(name)]
    plain = [name for name in found if pattern.fullmatch(name).group(1) is None]
    if plain or not found:
        return plain[0] if plain else None
    if len(found) > 1:
        raise UserError(
            "DIR: %s holds several variants of the weights (%s); leave the one that is wanted"
            % (directory, ", ".join(found))
        )
    say("The weights are a variant, %s." % found[0])
    return found[0]


def _read_shards(directory, index, names, read):
    """The tensors of all files that an index names."""
    content = files.read_json(index, "DIR")
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places:
        raise UserError("DIR: %s is no index of shards: it has no weight_map" % index)
    shards = sorted({str(place) for place in places.values()})
    missing = [shard for shard in shards if shard not in names]
    if missing:
        raise UserError(
            "DIR: %s names %s, which is not beside it; download all of the model"
            % (index, missing[0])
        )
    tensors = {}
    for shard in shards:
        for name, tensor in read(files.join(directory, shard)).items():
            if name in tensors:
                raise UserError(
                    "DIR: %s and %s both hold %s; download the model again"
                    % (tensors[name].path, tensor.path, name)
                )
            tensors[name] = tensor
    absent = sorted(set(places) - set(tensors))
    if absent:
        raise UserError(
            "DIR: %s lacks %s, which %s promises; download it again"
            % (files.join(directory, str(places[absent[0]])), absent[0], index)
        )
    return tensors


def _read_safetensors(path):
    content = files.read_bytes(path, "DIR")
    files.check_is_itself(content[:1000], path, "DIR")
    try:
        stored = safetensors.deserialize(content)
    except Exception as error:  # its own, or of a header that is no text
        raise UserError(
            "DIR: %s is not a whole safetensors file (%s); download it again"
            % (path, _first_line(error))
        )
    return {
        name: StoredTensor(path, tensor["dtype"], tuple(tensor["shape"]), tensor["data"])
        for name, tensor in stored
    }


def _read_torch(path):
    content = files.read_bytes(path, "DIR")
    files.check_is_itself(content[:1000], path, "DIR")
    try:
        import torch
    except ImportError:
        raise UserError(
            "DIR: %s can only be read with torch, which is not installed here; where it is, load "
            "the model with transformers and save it with save_pretrained, which writes "
            "model.safetensors" % path
        )
    import io

    try:
        stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # what they say is about the flags of torch.load
        raise UserError(
            "DIR: %s is no file that torch can read, or holds more than weights; download it again "
            "(best as model.safetensors)" % path
        )
    if isinstance(stored, dict) and isinstance(stored.get("state_dict"), dict):
        stored = stored["state_dict"]
    if not isinstance(stored, dict):
        raise UserError("DIR: %s holds no dict of tensors, as a model's weights are" % path)
    tensors = {}
    for name, tensor in stored.items():
        if not torch.is_tensor(tensor):
            continue
        floating = tensor.is_floating_point()
        array = (tensor.float() if floating else tensor).contiguous().numpy()
        kind = "F32" if floating else str(array.dtype)
        tensors[str(name)] = StoredTensor(path, kind, array.shape, array.tobytes())
    return tensors


def _first_line(error):
    return (str(error).strip() or type(error).__name__).split("\n")[0][:200]


def write_safetensors(path, tensors):
    """Writes float32 arrays, name -> array, for ``transformers`` to read."""
    import safetensors.numpy

    # "pt": what transformers asks of a file before it loads it.
    content = safetensors.numpy.save(tensors, metadata={"format": "pt"})
    files.write_bytes(path, content, "OUT")


def write_json(path, value):
    """Writes a value as ``transformers`` does: indented by two, a newline at the end."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    files.write_bytes(path, text.encode("utf-8"), "OUT")
