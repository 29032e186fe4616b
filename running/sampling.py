"""Which sample of the questions a decoding is to have, and what a folder holds of it already."""

from common import files, finished
from common.command_line import UserError
from common.progress import say
from common.sample import Sample, read_sample, write_sample
from zones.cells import cell_of_file


def settled(directory, asked, overwrite):
    """The Sample to decode.

    Args:
        directory: where prediction files go, and may lie.
        asked: the Sample that is asked for.
        overwrite: whether what lies there is decoded again.

    Raises:
        UserError: the directory holds another sample.
    """
    asked = asked._replace(questions=min(asked.questions, asked.of))
    there = _there(directory, asked.of, overwrite)
    if there is None or there.random_seed == asked.random_seed:
        return asked
    if asked.is_all:
        # Whatever the seed, it is what the sample there grows to.
        return asked._replace(random_seed=there.random_seed)
    raise UserError(
        "--max_questions: %s holds questions that --random_seed=%d chose, not %d; give that seed, "
        "or name another --prediction_dir" % (directory, there.random_seed, asked.random_seed)
    )


def _there(directory, num_questions, overwrite=True):
    """The Sample that a directory says it holds of so many questions, or None."""
    try:
        there = read_sample(directory)
    except UserError:
        if not overwrite:
            raise
        return None
    return there if there and there.of == num_questions else None


def noted(sample):
    """What the record of a finished file says of the sample that it holds: a dict."""
    return {} if sample.is_all else {"sample": sample._asdict()}


def held_by(record, sample):
    """How many questions of a sample, the first, a file holds.

    Args:
        record: that of the file (see common.finished), or None if it is not finished.
        sample: the Sample.
    """
    if record is None:
        return 0
    if "sample" not in record:
        return sample.of
    there = Sample.noted(record["sample"])
    return there.questions if there == sample._replace(questions=there.questions) else 0


def note(directory, sample, will_hold=True):
    """Notes beside the prediction files which sample all of them hold; returns it.

    Args:
        directory: where they are.
        sample: the Sample of this run.
        will_hold: whether there will be a file that holds no more than it.
    """
    there = _there(directory, sample.of)
    records = finished.records(directory)
    least = sample.questions if will_hold else sample.of
    names = [name for name in files.list_directory(directory) if cell_of_file(name)]
    for name in names:
        # Of a file that was put there by hand, the folder knows.
        unknown = there.questions if there else sample.of
        held = held_by(records[name], sample) if name in records else unknown
        least = min(least, held or least)
    found = sample._replace(questions=least)
    write_sample(directory, found)
    return found


def tell(found, asked):
    """Says what the folder holds, if that is a sample or more than was asked for."""
    if not found.is_all:
        say(
            "They hold %s; by these the folder is scored. A larger --max_questions adds to them."
            % found.text
        )
    if found.questions > asked.questions:
        say(
            "NOTE: --max_questions=%d: the files hold %d questions already, with these among them, "
            "and stay as they are" % (asked.questions, found.questions)
        )
