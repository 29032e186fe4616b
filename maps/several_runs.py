"""Several runs of one reader: the mean map, its spread, and the tidy long table."""

from common import files
from common.command_line import UserError
from zones.cells import PREDICTIONS, file_name

LONG_COLUMNS = ("run", "layer", "zone", "exact", "f1")


def check_names(folders):
    """Raises UserError if a folder is named twice, or has a name that a CSV file cannot hold."""
    names = [run_name(folder) for folder in folders]
    for name in names:
        if names.count(name) > 1:
            raise UserError("prediction folder: %s is named twice; name each run once" % name)
        if set(name) & set(',"\r\n'):
            raise UserError("prediction folder: %r has a comma or quote; rename it" % name)


def run_name(folder):
    """The run in the long table: its folder as the user named it."""
    return str(folder).rstrip("/")


def check_cells(folders, cells):
    """Refuses runs with different cells; ``cells`` is a list over folders of lists of Cell.

    Raises:
        UserError: it names what is missing where.
    """
    wanted = max(cells, key=len)
    faults = []
    for folder, found in zip(folders, cells):
        missing = [cell for cell in wanted if cell not in found]
        if missing:
            names = [file_name(PREDICTIONS, cell) for cell in missing[:60]]
            faults.append("%s lacks %s" % (folder, ", ".join(names)))
    if faults:
        raise UserError(
            "prediction folder: the runs have different layers: %s; give runs of one model"
            % "; ".join(faults)
        )


def mean(tables):
    """The mean of DataFrames of one form, those of get_results.table_of."""
    return sum(tables) / len(tables)


def deviation(tables):
    """Their sample standard deviation: divided by one less than there are runs."""
    centre = mean(tables)
    return (sum((table - centre) ** 2 for table in tables) / (len(tables) - 1)) ** 0.5


def write_long(path, folders, exact, f1):
    """Writes a line for each run and cell: ``run, layer, zone, exact, f1``, in percent.

    Args:
        path: the file.
        folders: the runs' folders.
        exact, f1: lists over runs of DataFrames as get_results.table_of gives them.

    Raises:
        UserError: the file cannot be written.
    """
    lines = [",".join(LONG_COLUMNS)]
    for folder, first, second in zip(folders, exact, f1):
        for layer, row in first.iterrows():
            for zone in row.index:
                scores = row[zone], second.loc[layer, zone]
                lines.append("%s,%d,%s,%.3f,%.3f" % (run_name(folder), layer, zone, *scores))
    files.write_bytes(path, ("\n".join(lines) + "\n").encode("utf-8"), "results file")
