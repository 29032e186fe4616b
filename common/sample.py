"""Which of a data set's questions a folder of prediction files answers, if not all of them.

``run_squad.py --max_questions=500`` decodes a random sample, and beside its prediction files stands
``sample.json``::

    {
        "questions": 500,
        "of": 10570,
        "random_seed": 12345
    }

The seed puts the questions of the data file in order, and the sample is the first 500 of them: a
part of the sample of 1,000. While a sample is being enlarged, files that hold more questions than
``sample.json`` says can still be compared with the others, by the sample. Where there is no
``sample.json``, all questions were decoded.
"""

from typing import NamedTuple

import numpy as np

from common import files, notes
from common.command_line import UserError

FILE = "sample.json"
FORM = {"questions": range(2**31), "of": range(2**31), "random_seed": range(2**31)}


class Sample(NamedTuple):
    """A random choice of questions, as a folder holds it.

    Attributes:
        questions: how many are chosen.
        of: how many the data file has.
        random_seed: decides which.
    """

    questions: int
    of: int
    random_seed: int

    @classmethod
    def noted(cls, said):
        """The Sample that a note tells of, a dict of FORM."""
        return cls(*(said[name] for name in cls._fields))

    @property
    def is_all(self):
        """Whether every question is chosen."""
        return self.questions >= self.of

    def chosen(self, but_first=0):
        """The places of the chosen questions in the data file: int ``[questions]``, ascending.

        Args:
            but_first: leaves out those that a sample of so many holds.
        """
        order = np.random.RandomState(self.random_seed).permutation(self.of)
        return np.sort(order[but_first : self.questions])

    @property
    def text(self):
        """What it is, for people."""
        return "a random sample: {:,} of {:,} questions".format(self.questions, self.of)

    def of_list(self, questions, path):
        """The chosen questions, in order.

        Args:
            questions: a list of all questions, or of what belongs to each.
            path: the data file they are from, for the error.

        Raises:
            UserError: it has another number of questions.
        """
        if len(questions) != self.of:
            raise UserError(
                "data file: %s has %d questions, and the predictions are of a sample of %d; give "
                "the data file that was decoded" % (path, len(questions), self.of)
            )
        return [questions[place] for place in self.chosen()]


def read_sample(folder):
    """The Sample that a folder of prediction files holds; None if it holds all questions.

    Raises:
        UserError: the folder's ``sample.json`` is not what is written there.
    """
    path = files.join(folder, FILE)
    if not files.exists(path):
        return None
    content = files.read_json(path, "prediction folder")
    if notes.fault(content, FORM):
        raise UserError(
            "prediction folder: %s does not say which sample of questions the folder holds; decode "
            "them again, with --overwrite=True" % path
        )
    return Sample.noted(content)


def write_sample(folder, sample):
    """Notes which sample a folder holds; that it holds all questions is not noted."""
    path = files.join(folder, FILE)
    if sample.is_all:
        files.remove(path)
    else:
        files.write_json(path, sample._asdict(), "--prediction_dir")
