"""Whether the flags fit together, and which cells they ask for."""

import os
import re

from common import files
from common.command_line import UserError
from running import cluster, estimator, machines
from running.flags import FORCE
from running.reader_folder import VOCABULARIES
from spans import data_sets
from zones import own
from zones.cells import (
    BASELINE,
    Cell,
    cell_of_run,
    cells_of,
    cells_of_heads,
    cells_of_runs,
)
from zones.masks import ZONES, known_zones

_LAYERS = re.compile(r"(\d+)(?:-(\d+))?")
_SWEEP_ONLY = ("sweep_span", "sweep_heads", "sweep_every", "ray_address")


def check_task(asked):
    """Raises UserError unless the flags ask for something and name what that needs.

    Args:
        asked: the flags' values, as attributes.
    """
    if not (asked.do_train or asked.do_predict or asked.do_sweep):
        raise UserError("nothing to do: give --do_train, --do_predict or --do_sweep (see --help)")
    data_set = data_sets.named(asked.dataset)
    if asked.version_2_with_negative and not data_set.has_null_answers:
        raise UserError(
            "--version_2_with_negative: %s has an answer to every question; leave this flag out"
            % data_set.title
        )
    needed = ["output_dir"]
    needed += ["train_file"] if asked.do_train else []
    needed += ["predict_file"] if asked.do_predict or asked.do_sweep else []
    for name in needed:
        if not getattr(asked, name):
            raise UserError("--%s is missing; this run needs it" % name)
    for name in ("train_file", "predict_file", "vocab_file", "bert_config_file", "zones_file"):
        if name in needed or (name not in ("train_file", "predict_file") and getattr(asked, name)):
            files.check_readable(getattr(asked, name), "--" + name)
    _check_not_swapped(asked.vocab_file, asked.bert_config_file)
    for name in ("output_dir", "prediction_dir"):
        path = getattr(asked, name)
        if path and os.path.isfile(path):
            raise UserError("--%s: %s is a file; name a directory" % (name, path))
    _check_masks(asked)
    _check_ray(asked)
    if asked.use_tpu:
        _check_tpu(asked)
    if asked.mixed_precision:
        machines.check_mixed_precision(asked.do_train)
        _check_one_precision(asked)


def _check_not_swapped(vocab_file, bert_config_file):
    if os.path.basename(vocab_file or "") in VOCABULARIES:
        return
    looks_like_json = [
        bool(path) and files.read_bytes(path).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
        for path in (vocab_file, bert_config_file)
    ]
    if looks_like_json == [True, False]:
        raise UserError(
            "--vocab_file: %s is JSON, not a vocabulary; are --vocab_file and --bert_config_file "
            "swapped?" % vocab_file
        )


def _check_masks(asked):
    decodes = asked.do_predict or asked.do_sweep
    for name in ("mask_zone", "mask_layer", "mask_head", "zones_file"):
        if getattr(asked, name) not in (None, "") and not decodes:
            raise UserError("--%s masks at decoding; add --do_predict or --do_sweep" % name)
    if asked.max_questions and not decodes:
        raise UserError("--max_questions chooses what is decoded; add --do_predict or --do_sweep")
    for name in ("mask_layer", "mask_head"):
        where = getattr(asked, name)
        if where not in (None, "") and not asked.mask_zone and not asked.do_sweep:
            raise UserError(
                "--%s=%s says where but not what to mask; add --mask_zone=%s"
                % (name, where, "|".join(known_zones()))
            )
    if asked.write_attention and not (asked.do_sweep or (asked.do_predict and not asked.mask_zone)):
        raise UserError(
            "--write_attention is about the reader with nothing masked; add --do_sweep=True, or "
            "--do_predict=True without --mask_zone"
        )
    for name in _SWEEP_ONLY:
        if getattr(asked, name) and not asked.do_sweep:
            why = "is about a sweep, which decodes many cells"
            raise UserError("--%s %s; add --do_sweep=True" % (name, why))
    for name in ("sweep_span", "sweep_every"):
        if getattr(asked, name) and asked.mask_layer:
            raise UserError("--%s is about all layers; leave --mask_layer out" % name)
    if asked.mask_head is not None and (asked.sweep_heads or asked.sweep_span):
        other = "sweep_heads" if asked.sweep_heads else "sweep_span"
        raise UserError("--mask_head is one head, --%s is about all; leave one out" % other)


def _check_ray(asked):
    if asked.ray_workers is not None and not asked.ray_address:
        raise UserError(
            "--ray_workers=%d: in which Ray cluster? add --ray_address=auto" % asked.ray_workers
        )
    if not asked.ray_address:
        return
    if asked.use_tpu:
        raise UserError("--ray_address uses CPUs and GPUs; leave it out, or say --use_tpu=False")
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
        if getattr(asked, name) % 8:
            raise UserError(
                "--%s: %d is not a multiple of 8, which a TPU needs" % (name, getattr(asked, name))
            )


def _check_one_precision(asked):
    """Each machine would measure for itself, and could come to another result than its partners."""
    count = machines.this_machine().count
    if asked.do_train and count > 1 and asked.mixed_precision != FORCE:
        raise UserError(
            "--mixed_precision=True lets each machine measure whether 16 bits pay, but the %d that "
            "train together must all do the same; say --mixed_precision=force on all of them, or "
            "leave the flag out" % count
        )


# Cells ------------------------------------------------------------------------------------------


def cells_asked(asked, config):
    """The cells to decode, as a tuple.

    Args:
        asked: the flags' values, as attributes.
        config: the model's BertConfig.

    Raises:
        UserError: a file of zones that is none, an unknown zone, several where one is asked for, or
            a layer or head that the model lacks.
    """
    own_zones = own.settle(asked.zones_file, asked.prediction_dir or asked.output_dir)
    zones = own.named(asked.mask_zone)
    layers = _layers(asked.mask_layer, config.num_hidden_layers)
    _check_number("--mask_head", "heads", asked.mask_head, config.num_attention_heads)
    if asked.do_sweep:
        return (BASELINE,) + tuple(_swept(asked, config, zones or [*ZONES, *own_zones], layers))
    if len(zones) > 1:
        raise UserError("--mask_zone: --do_predict masks one zone; for several use --do_sweep")
    if not zones:
        return (BASELINE,)
    if layers is None:
        return (Cell(None, zones[0], head=asked.mask_head),)
    return (cell_of_run(*layers, zones[0], asked.mask_head),)


def _layers(text, num_layers):
    """``3`` or ``3-5`` -> (first, last), counted from 0; None where all layers are meant."""
    if text in (None, ""):
        return None
    match = _LAYERS.fullmatch(text.strip())
    if not match:
        raise UserError(
            "--mask_layer=%s is no layer, such as 3, and no run of layers, such as 3-5" % text
        )
    first = int(match.group(1))
    last = first if match.group(2) is None else int(match.group(2))
    if last < first:
        raise UserError("--mask_layer=%s runs backwards; write %d-%d" % (text, last, first))
    _check_number("--mask_layer", "layers", last, num_layers)
    return first, last


def _check_number(flag, what, number, count):
    if number is not None and number >= count:
        raise UserError("%s: the model has %s 0 to %d, not %d" % (flag, what, count - 1, number))


def _swept(asked, config, zones, layers):
    """The masked cells of a sweep: those of every axis that is asked for, each once."""
    num_layers, num_heads = config.num_hidden_layers, config.num_attention_heads
    cells = []
    if asked.sweep_span:
        if asked.sweep_span > num_layers:
            raise UserError(
                "--sweep_span: the model has %d layers, fewer than %d"
                % (num_layers, asked.sweep_span)
            )
        cells += cells_of_runs(num_layers, asked.sweep_span, zones)
    if asked.sweep_heads or asked.mask_head is not None:
        heads = range(num_heads) if asked.mask_head is None else [asked.mask_head]
        if layers is None:
            swept = cells_of_heads(num_layers, num_heads, zones)
            cells += [cell for cell in swept if cell.head in heads]
        else:
            cells += [cell_of_run(*layers, zone, head) for head in heads for zone in zones]
    if asked.sweep_every:
        cells += [Cell(None, zone) for zone in zones]
    if not (asked.sweep_span or asked.sweep_heads or asked.sweep_every) and asked.mask_head is None:
        if layers is None:
            cells += cells_of(num_layers, zones)
        else:
            cells += [cell_of_run(*layers, zone) for zone in zones]
    return list(dict.fromkeys(cells))
