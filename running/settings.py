"""What one run of run_squad.py is asked to do: the flags, checked, as one object."""

import dataclasses
from typing import Any, Optional, Tuple

from common import files
from modeling import BertConfig
from running.estimator import Tpu
from running.flags import FILE, TABLE
from running.machines import Machine
from zones.cells import Cell

# Flags that main itself acts on, and that are no settings.
_TASKS = ("help", "do_train", "do_predict", "do_sweep")


def _window_sizes(self):
    """How passages are cut into windows, as spans.windows.make_windows takes it."""
    names = ("max_seq_length", "doc_stride", "max_query_length")
    return {name: getattr(self, name) for name in names}


def _deciding(self, what):
    """What answers or weights depend on, of the flags: name -> value, of a file its content.

    Args:
        what: flags.ANSWERS or flags.WEIGHTS.

    Raises:
        UserError: a file cannot be read.
    """
    values = {}
    for flag in TABLE:
        if what not in flag.decides:
            continue
        value = getattr(self, flag.name)
        if flag.name == "bert_config_file":
            # Files that differ as texts may describe the same model.
            value = dataclasses.asdict(self.bert_config)
        elif flag.kind == FILE:
            value = files.read_bytes(value, "--" + flag.name)
        values[flag.name] = value
    return values


Settings = dataclasses.make_dataclass(
    "Settings",
    [(flag.name, Any) for flag in TABLE if flag.name not in _TASKS]
    + [
        ("bert_config", BertConfig),
        # To be decoded in one pass; BASELINE is one of them where it was asked for.
        ("cells", Tuple[Cell, ...]),
        # Which of the machines that train together this one is.
        ("machine", Machine),
        ("tpu", Optional[Tpu], None),
    ],
    namespace={"window_sizes": property(_window_sizes), "deciding": _deciding},
    frozen=True,
)
Settings.__doc__ = """The checked flags, as attributes of their names, and what follows from them.

``bert_config``, ``cells``, ``machine`` and ``tpu`` are no flags. Defaults that depend on other
flags are filled in: ``prediction_dir``, ``score_padding`` and ``write_nbest`` are never None.
"""
# make_dataclass does not know in which module it is, by which workers of a cluster unpickle it.
Settings.__module__ = __name__
