"""Splits a SQuAD-format file by article: 1,000 questions or a little more to train on, the rest.

    python docs/real_run/split.py xquad.en.json train.json dev.json

The articles are drawn in an order that SEED fixes, and go to the training file until it has
NUM_TRAIN questions. split.txt, which it prints, names the articles of both.
"""

import json
import pathlib
import random
import sys

SEED = 1
NUM_TRAIN = 1000


def questions_of(articles):
    """The number of questions in a list of articles."""
    return sum(len(paragraph["qas"]) for article in articles for paragraph in article["paragraphs"])


def split(articles):
    """Two lists of articles, in the order of the file: to train on, and to decode."""
    order = list(range(len(articles)))
    random.Random(SEED).shuffle(order)
    chosen = set()
    for number in order:
        if questions_of([articles[i] for i in chosen]) >= NUM_TRAIN:
            break
        chosen.add(number)
    return (
        [article for i, article in enumerate(articles) if i in chosen],
        [article for i, article in enumerate(articles) if i not in chosen],
    )


def main(argv=None):
    """Writes the two files and prints what is in them."""
    source, *targets = [pathlib.Path(path) for path in (sys.argv[1:] if argv is None else argv)]
    document = json.loads(source.read_text(encoding="utf-8"))
    for name, articles, target in zip(("train", "dev"), split(document["data"]), targets):
        target.write_text(json.dumps(dict(document, data=articles)), encoding="utf-8")
        print("%s: %d articles, %d questions" % (name, len(articles), questions_of(articles)))
        for article in articles:
            print("    " + article["title"])


if __name__ == "__main__":
    main()
