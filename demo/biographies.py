"""A seeded generator of short biographies with questions, in SQuAD's format.

A passage tells four events of one invented person's life, in the order of a life::

    Clara Dawson was born in Genoa in May 1822. She studied law in Riga with Peter Nolan. She won
    a silver cup in Bristol in March 1848. She died in Odessa in July 1866.

and the questions name the person in full: "Who did Clara Dawson study with?" A tiny model can learn
to read this in a minute, because one person is the subject of every sentence and the events never
change their order. (With several people in a passage, or with the events in random order, such a
model only ever learns to guess the sentence.)

Answers must be read, not remembered: values of two words, as "May 1822" or "silver cup", are split
into combinations for training and others for development, although every single word is in both.
"""

import random
import string
from typing import Dict, NamedTuple

from tokenization import CLS, PAD, SEP, UNKNOWN, BasicTokenizer

EVENTS_PER_PASSAGE = 4

_MEN = "Albert Arthur Charles David Edward Frank George Henry John Peter Robert Thomas".split()
_WOMEN = "Alice Anna Clara Edith Emma Grace Harriet Helen Laura Martha Rose Sarah".split()
_SURNAMES = (
    "Adams Barnes Carver Dawson Ellis Fisher Grant Harvey Irving Jensen Keller Lawson "
    "Morton Nolan Osborne Palmer Quinn Ramsey Sutton Turner Upton Vernon Walker Young"
).split()
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
# Every second year: a long life needs few words, and each word is seen often enough to be learnt.
_YEARS = [str(year) for year in range(1810, 1890, 2)]
# All of them are ports, so that one can sail to any.
_CITIES = (
    "Amsterdam Athens Bergen Boston Bristol Copenhagen Dublin Genoa Glasgow Hamburg Lisbon "
    "Liverpool London Marseille Naples Odessa Palermo Riga Stockholm Venice"
).split()
_SHOPS = "hat tea toy wine".split()
_SUBJECTS = "botany chemistry drawing history law medicine music poetry".split()

# Kind of value: the words that can come first, and second.
_TWO_WORDS = {
    "person": (_MEN + _WOMEN, _SURNAMES),
    "date": (_MONTHS, _YEARS),
    "job": (
        "court hospital hotel palace ship theatre".split(),
        "carpenter clerk cook doctor guard painter tailor".split(),
    ),
    "topic": (
        "famous foreign northern old small strange".split(),
        "bridges castles gardens horses islands ships songs".split(),
    ),
    "prize": ("bronze gold glass silver".split(), "cup medal plate star".split()),
}
_ONE_WORD = {"city": _CITIES, "shop": _SHOPS, "subject": _SUBJECTS}

# One combination in so many is kept for development.
_HELD_OUT_EVERY = 4

# A life: born in one of the years up to the first, then events at these ages.
_LAST_YEAR_OF_BIRTH = 1836
_YOUNGEST, _OLDEST = 18, 52


class Event(NamedTuple):
    """One kind of event.

    Attributes:
        sentence: what is told; ``{who}`` is the person's name, He or She.
        questions: kind of value in the sentence -> the question that it answers.
    """

    sentence: str
    questions: Dict[str, str]


# In the order of a life. "spouse" is a person, of the other sex as was the custom then.
EVENTS = (
    Event(
        "{who} was born in {city} in {date}.",
        {"city": "Where was {name} born?", "date": "When was {name} born?"},
    ),
    Event(
        "{who} studied {subject} in {city} with {person}.",
        {
            "subject": "What did {name} study?",
            "city": "Where did {name} study?",
            "person": "Who did {name} study with?",
        },
    ),
    Event(
        "{who} worked as a {job} in {city} from {date}.",
        {
            "job": "What did {name} work as?",
            "city": "Where did {name} work?",
            "date": "When did {name} start work?",
        },
    ),
    Event(
        "{who} married {spouse} in {city} in {date}.",
        {
            "spouse": "Who did {name} marry?",
            "city": "Where did {name} marry?",
            "date": "When did {name} marry?",
        },
    ),
    Event(
        "{who} sailed to {city} with {person} in {date}.",
        {
            "city": "Where did {name} sail to?",
            "person": "Who did {name} sail with?",
            "date": "When did {name} sail?",
        },
    ),
    Event(
        "{who} wrote a book with {person} about {topic} in {date}.",
        {
            "person": "Who did {name} write a book with?",
            "topic": "What did {name} write a book about?",
            "date": "When did {name} write a book?",
        },
    ),
    Event(
        "{who} opened a {shop} shop in {city} in {date}.",
        {
            "shop": "What kind of shop did {name} open?",
            "city": "Where did {name} open a shop?",
            "date": "When did {name} open a shop?",
        },
    ),
    Event(
        "{who} won a {prize} in {city} in {date}.",
        {
            "prize": "What did {name} win?",
            "city": "Where did {name} win a prize?",
            "date": "When did {name} win a prize?",
        },
    ),
    Event(
        "{who} taught {subject} to {person} in {city}.",
        {
            "subject": "What did {name} teach?",
            "person": "Who did {name} teach?",
            "city": "Where did {name} teach?",
        },
    ),
    Event(
        "{who} died in {city} in {date}.",
        {"city": "Where did {name} die?", "date": "When did {name} die?"},
    ),
)
_BIRTH = EVENTS[0]


def data_set(part, num_passages, questions_per_passage, seed):
    """A data set in SQuAD's format, the same for the same arguments on every machine.

    Args:
        part: ``"train"`` or ``"dev"``; no two-word value of one is in the other.
        num_passages: how many people.
        questions_per_passage: how many facts to ask of each, at most 8.
        seed: a number that decides everything else.

    Returns:
        The JSON document as dicts and lists.
    """
    rng = random.Random("%s %d" % (part, seed))
    values = {kind: combinations(kind, part) for kind in _TWO_WORDS}
    people = rng.sample(values["person"], len(values["person"]))
    articles = []
    for number in range(num_passages):
        # Namesakes only after every name has been given once.
        life = _Life(rng, values, people[number % len(people)])
        passage, facts = life.tell()
        questions = []
        for index, (event, kind, start, text) in enumerate(
            rng.sample(facts, questions_per_passage)
        ):
            questions.append(
                {
                    "id": "%s-%04d-%d" % (part, number, index),
                    "question": event.questions[kind].format(name=life.name),
                    "answers": [{"text": text, "answer_start": start}],
                }
            )
        paragraph = {"context": passage, "qas": questions}
        articles.append({"title": life.name, "paragraphs": [paragraph]})
    return {"version": "1.1", "data": articles}


def combinations(kind, part):
    """The two-word values of a kind that a part of the data may use, as pairs of words.

    Each word is in three pairs for training to one for development: of a table of first words by
    second words, every fourth diagonal is held out.
    """
    firsts, seconds = _TWO_WORDS[kind]
    is_dev = {"train": False, "dev": True}[part]
    return [
        (first, second)
        for row, first in enumerate(firsts)
        for column, second in enumerate(seconds)
        if ((row + column) % _HELD_OUT_EVERY == 0) == is_dev
    ]


def vocabulary():
    """All tokens of all texts that can be generated, behind BERT's four special ones."""
    texts = ["He She"]
    for event in EVENTS:
        for template in (event.sentence, *event.questions.values()):
            texts.extend(literal for literal, *_ in string.Formatter().parse(template))
    for firsts, seconds in _TWO_WORDS.values():
        texts += firsts + seconds
    for words in _ONE_WORD.values():
        texts += words
    tokens = set(BasicTokenizer(do_lower_case=False).tokenize(" ".join(texts)))
    return [PAD, UNKNOWN, CLS, SEP] + sorted(tokens)


class _Life:
    """One invented person, and the values that are still free for their passage."""

    def __init__(self, rng, values, person):
        self._rng = rng
        self._values = values
        self._names_taken = set(person)
        self.name = " ".join(person)
        self._is_man = person[0] in _MEN
        self._events = [
            EVENTS[i] for i in sorted(rng.sample(range(len(EVENTS)), EVENTS_PER_PASSAGE))
        ]
        self._dates = self._draw_dates()
        self._free = {
            kind: rng.sample(words, len(words)) for kind, words in sorted(_ONE_WORD.items())
        }

    def tell(self):
        """The passage, and its facts as tuples (event, kind of value, start, text)."""
        passage, facts = "", []
        for event in self._events:
            passage += " " if passage else ""
            for literal, kind, _, _ in string.Formatter().parse(event.sentence):
                passage += literal
                if kind == "who":
                    passage += self._who(is_first=not passage)
                elif kind:
                    text = self._draw(kind)
                    facts.append((event, kind, len(passage), text))
                    passage += text
        return passage, facts

    def _who(self, is_first):
        if is_first:
            return self.name
        return "He" if self._is_man else "She"

    def _draw(self, kind):
        """A value of a kind that the passage does not have yet."""
        if kind == "date":
            return self._dates.pop(0)
        if kind == "person":
            return self._person(_MEN + _WOMEN)
        if kind == "spouse":
            return self._person(_WOMEN if self._is_man else _MEN)
        if kind in self._free:
            return self._free[kind].pop()
        # Jobs, topics and prizes: only one kind of event has them, so that none can come twice.
        return " ".join(self._rng.choice(self._values[kind]))

    def _person(self, first_names):
        """A name of which no part is taken: a first name that stood twice could mislead."""
        first, surname = self._rng.choice(
            [
                pair
                for pair in self._values["person"]
                if pair[0] in first_names and not self._names_taken.intersection(pair)
            ]
        )
        self._names_taken.update((first, surname))
        return "%s %s" % (first, surname)

    def _draw_dates(self):
        """The dates of the events, in the order of time.

        Whole pairs of month and year are drawn first and sorted then. (To fix the years and look
        for months that this part of the data may use can be a search without end.)
        """
        pairs = self._values["date"]
        birth = self._rng.choice([pair for pair in pairs if int(pair[1]) <= _LAST_YEAR_OF_BIRTH])
        years = range(int(birth[1]) + _YOUNGEST, int(birth[1]) + _OLDEST + 1)
        later = [pair for pair in pairs if int(pair[1]) in years]
        dated = [event for event in self._events if "date" in event.questions]
        dates = self._rng.sample(later, len(dated) - (_BIRTH in dated))
        dates.sort(key=lambda pair: (int(pair[1]), _MONTHS.index(pair[0])))
        return [" ".join(pair) for pair in ([birth] if _BIRTH in dated else []) + dates]
