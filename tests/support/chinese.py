"""Chinese questions made on the spot, with a vocabulary and a model's shape to go with them."""

import json
import random
import types

from tests.support import small

CHARACTERS = "游戏公司开发运营年月日在由是的中国北京上海人物地方建成大小红绿蓝桥塔"
SIGNS = "，。、（）《》"
LATIN = ("Nexon", "DC 9", "2010", "3.5")
PIECES = (
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    + sorted(set(CHARACTERS + SIGNS))
    + "nexon dc 9 20 ##10 3 . 5 ？".split()
)
NUM_QUESTIONS = 16


def passages(seed=0):
    """Yields (id, passage, list of (id, question, answer, offset)), two questions a passage."""
    rng = random.Random(seed)
    for number in range(NUM_QUESTIONS // 2):
        parts = [
            rng.choice(LATIN) if rng.random() < 0.15 else rng.choice(CHARACTERS + SIGNS)
            for _ in range(rng.randint(15, 60))
        ]
        passage = "".join(parts)
        questions = []
        for side in range(2):
            first = rng.randrange(len(parts) - 3)
            text, offset = "".join(parts[first : first + 3]), len("".join(parts[:first]))
            asked = "".join(rng.choice(CHARACTERS) for _ in range(rng.randint(2, 5))) + "？"
            questions.append(("DEV_%d_QUERY_%d" % (number, side), asked, text, offset))
        yield "DEV_%d" % number, passage, questions


def squads_form(seed=0):
    """The data set in SQuAD's form."""
    paragraphs = [
        {
            "id": key,
            "context": passage,
            "qas": [
                {"id": i, "question": q, "answers": [{"text": text, "answer_start": offset}]}
                for i, q, text, offset in questions
            ],
        }
        for key, passage, questions in passages(seed)
    ]
    return {"version": "v1.0", "data": [{"title": "小", "paragraphs": paragraphs}]}


def own_form(seed=0):
    """The same in CMRC 2018's own form."""
    return [
        {
            "context_id": key,
            "context_text": passage,
            "title": "小",
            "qas": [
                {"query_id": i, "query_text": q, "answers": [text]} for i, q, text, _ in questions
            ],
        }
        for key, passage, questions in passages(seed)
    ]


def write_files(folder):
    """Writes data in both forms, vocabulary and configuration; see small.write_files."""
    paths = types.SimpleNamespace(
        data=folder / "squads_form.json",
        own_form=folder / "own_form.json",
        vocab=folder / "vocab.txt",
        config=folder / "bert_config.json",
    )
    paths.data.write_text(json.dumps(squads_form()))
    paths.own_form.write_text(json.dumps(own_form()))
    paths.vocab.write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    paths.config.write_text(json.dumps(dict(small.CONFIG, vocab_size=len(PIECES))))
    return paths
