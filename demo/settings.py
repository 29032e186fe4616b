"""The demo's numbers, all in one place: the data set, the tiny model, how it is trained."""

import dataclasses

from demo import biographies


@dataclasses.dataclass(frozen=True)
class DemoSettings:
    """What the demo makes. Everything it writes follows from these numbers and the code."""

    seed: int = 1

    # The data set.
    train_passages: int = 3000
    train_questions_per_passage: int = 4
    dev_passages: int = 60
    dev_questions_per_passage: int = 5
    max_seq_length: int = 64  # the longest window has 61 tokens
    max_query_length: int = 16

    # The model. Without dropout and with larger initial weights than BERT's 0.02: at this size
    # either would keep it from learning in a minute.
    num_hidden_layers: int = 4
    hidden_size: int = 64
    num_attention_heads: int = 4
    intermediate_size: int = 128
    initializer_range: float = 0.05

    # Training: four times through 12,000 questions are 1,500 steps.
    train_batch_size: int = 32
    num_train_epochs: float = 4.0
    learning_rate: float = 1e-3
    warmup_proportion: float = 0.1
    save_checkpoints_steps: int = 250

    @property
    def num_train_steps(self):
        """Batches in the whole training."""
        questions = self.train_passages * self.train_questions_per_passage
        return int(questions / self.train_batch_size * self.num_train_epochs)

    def data_set(self, part):
        """``"train"`` or ``"dev"``, in SQuAD's format."""
        passages, questions = {
            "train": (self.train_passages, self.train_questions_per_passage),
            "dev": (self.dev_passages, self.dev_questions_per_passage),
        }[part]
        return biographies.data_set(part, passages, questions, self.seed)

    def reading_flags(self):
        """The flags of run_squad.py, but for files, that say how text becomes windows."""
        return [
            "--do_lower_case=False",
            "--max_seq_length=%d" % self.max_seq_length,
            "--max_query_length=%d" % self.max_query_length,
        ]

    def training_flags(self):
        """The flags of run_squad.py, but for files, that say how the model is trained."""
        return self.reading_flags() + [
            "--train_batch_size=%d" % self.train_batch_size,
            "--num_train_epochs=%g" % self.num_train_epochs,
            "--learning_rate=%g" % self.learning_rate,
            "--warmup_proportion=%g" % self.warmup_proportion,
            "--save_checkpoints_steps=%d" % self.save_checkpoints_steps,
            "--random_seed=%d" % self.seed,
        ]

    def bert_config(self):
        """The content of ``bert_config.json``."""
        return {
            "vocab_size": len(biographies.vocabulary()),
            "num_hidden_layers": self.num_hidden_layers,
            "hidden_size": self.hidden_size,
            "num_attention_heads": self.num_attention_heads,
            "intermediate_size": self.intermediate_size,
            "initializer_range": self.initializer_range,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "max_position_embeddings": self.max_seq_length,
            "type_vocab_size": 2,
        }


# Enough to see that every step works, far too little to learn to read.
QUICK = {
    "train_passages": 32,
    "dev_passages": 10,
    "num_hidden_layers": 2,
    "num_train_epochs": 1.0,
}
