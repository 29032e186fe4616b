"""What one run of run_squad.py is asked to do: the flags, checked, as one object."""

import dataclasses
from typing import Optional, Tuple

from modeling import BertConfig
from running.machines import Machine
from zones.cells import Cell


@dataclasses.dataclass(frozen=True)
class Settings:
    """The checked flags. Each attribute is the flag of that name unless noted."""

    # Model and files.
    bert_config: BertConfig
    vocab_file: str
    do_lower_case: bool
    init_checkpoint: Optional[str]
    output_dir: str  # holds the checkpoints
    prediction_dir: str  # where prediction files go
    train_file: Optional[str]
    predict_file: Optional[str]

    # Windows and answers.
    dataset: str  # a name in data_sets.py
    max_seq_length: int
    doc_stride: int
    max_query_length: int
    version_2: bool  # --version_2_with_negative

    # Training.
    train_batch_size: int
    learning_rate: float
    num_train_epochs: float
    warmup_proportion: float
    save_checkpoints_steps: int
    iterations_per_loop: int
    random_seed: int

    # Decoding. ``cells`` are to be decoded in one pass; BASELINE is one of them where asked for.
    cells: Tuple[Cell, ...]
    predict_batch_size: int
    n_best_size: int
    max_answer_length: int
    null_score_diff_threshold: float
    score_padding: bool
    write_nbest: bool  # for masked cells too
    overwrite: bool
    save_secs: int  # --sweep_save_secs

    # Machine.
    use_tpu: bool
    tpu_name: Optional[str]
    tpu_zone: Optional[str]
    gcp_project: Optional[str]
    master: Optional[str]
    num_tpu_cores: int
    mixed_precision: bool
    verbose: bool  # --verbose_logging
    ray_address: Optional[str]
    ray_workers: Optional[int]
    machine: Machine  # which one of those that train together

    @property
    def window_sizes(self):
        """How passages are cut into windows, as spans.windows.make_windows takes it."""
        return {
            "max_seq_length": self.max_seq_length,
            "doc_stride": self.doc_stride,
            "max_query_length": self.max_query_length,
        }
