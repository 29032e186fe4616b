"""A figure's caption, with the numbers that a reviewer asks for."""

from common.sample import Sample
from maps.figure import notes_on, range_text
from maps.layout import HIGHEST, LOWEST
from maps.panels import METRIC_NAMES
from zones.masks import effects


def text_of(panels, look):
    """The caption of a figure, as plain text in lines.

    Args:
        panels: list of panels.Panel, as drawn.
        look: layout.Look.
    """
    lines = [_what(panels[0])]
    for letter, panel in zip("AB", panels):
        start = "%s: " % letter if len(panels) > 1 else ""
        lines.append(start + " ".join(_numbers(panel)))
    if not panels[0].change.columns.name.startswith("Head"):
        zones = dict.fromkeys(name for panel in panels for name in panel.change.columns)
        known = {name.upper(): effect for name, effect in effects().items()}
        lines += ["%s: %s" % (name, known[name]) for name in zones if name in known]
    lines += [note[0].upper() + note[1:].rstrip(".") + "." for note in notes_on(panels, look)]
    if (look.lowest, look.highest) == (LOWEST, HIGHEST):
        text = range_text(look)
        lines.append(text[0].upper() + text[1:] + ".")
    lines.append("White: no change. An arrow at the colour bar: some squares lie beyond its end.")
    return "\n".join(lines) + "\n"


def lacks(panels):
    """The tables of which nothing is known but their scores."""
    return [panel.paths[0] for panel in panels if not panel.facts]


def _what(panel):
    metric = METRIC_NAMES.get(panel.metric, "Score")
    rows, columns = panel.change.index.name, panel.change.columns.name
    return "%s minus baseline, in points. Rows: %s, the first at the bottom. Columns: %s." % (
        metric,
        rows[0].lower() + rows[1:],
        columns[0].lower() + columns[1:],
    )


def _numbers(panel):
    """What the numbers of a map are of: sentences."""
    facts = panel.facts or {}
    sentences = ["%s." % panel.title.rstrip(".")] if panel.title else []
    sentences.append("Baseline %.3f %%." % panel.baseline)
    sentences += [_questions(facts)] if facts.get("questions") else []
    sentences += [_runs(facts["runs"])] if facts.get("runs") else []
    if panel.test:
        corrected = "with Holm's correction for %d cells, at 5 %%" % panel.num_tests
        sentences.append("Test: %s, %s." % (panel.test, corrected))
    return sentences


def _questions(facts):
    text = "{:,} questions".format(facts["questions"])
    if facts.get("passages"):
        text += " of {:,} passages".format(facts["passages"])
    file = facts.get("data", {}).get("file")
    text += " (%s)" % file if file else ""
    if facts.get("sample"):
        sample = Sample.noted(facts["sample"])
        text += ", %s, seed %d" % (sample.text, sample.random_seed)
    return text + "."


def _runs(runs):
    """How many runs, and the seeds with which their readers were trained."""
    text = "One run" if len(runs) == 1 else "Mean of %d runs" % len(runs)
    seeds = [_seed(run) for run in runs]
    if None in seeds:
        return text + "."
    return "%s (seed%s %s)." % (text, "s"[: len(seeds) - 1], ", ".join(map(str, seeds)))


def _seed(run):
    reader = run.get("reader") or {}
    training = reader.get("training", reader)  # older notes are of nothing but the training
    return training.get("random_seed") if isinstance(training, dict) else None
