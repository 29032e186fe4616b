"""What a score of a sample says of the questions beyond it."""

from common.progress import say


def tell_intervals(development, scores, names):
    """Says each score of a sample, such as ``exact: 61.50, 95 % interval 55.12 to 67.50``.

    Args:
        development: see data_sets.development_set.
        scores: squad.metric.Scores.
        names: what the two are called.
    """
    if not development.sample:
        return
    from maps import clustered  # takes a second, which the other scores need not wait for

    clusters = clustered.clusters_of(development, clustered.UNITS[0])
    for name, values in zip(names, scores):
        found = clustered.change(values[None], clusters)
        ends = max(0, found.low), min(100, found.high)
        say("%s: %.2f, 95 %% interval %.2f to %.2f" % (name, found.change, *ends))
