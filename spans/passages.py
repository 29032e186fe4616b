"""A passage in pieces, and the way back: from pieces to its text, and from an answer to pieces.

There are two ways, which a reader's tokenizer tells apart (``tokenization.Tokenizer.by_words``).
Where the published code made the reader, pieces know the *word* that they are from, and an answer's
text is found by aligning pieces with words. Where it is from the Hugging Face hub, pieces know the
*characters* that they are from, and an answer's text runs from the first to the last of them.
"""

import numpy as np


def passage_of(example, tokenizer):
    """The passage of an Example, in pieces."""
    kind = PassageOfWords if tokenizer.by_words else PassageOfCharacters
    return kind(example, tokenizer)


class PassageOfWords:
    """A passage whose pieces know their words.

    Attributes:
        pieces: list of word pieces.
        ids: their ids.
        word_of_piece: int32, the index in ``Example.words`` of the word that each is from.
    """

    def __init__(self, example, tokenizer):
        self._words, self._tokenizer = example.words, tokenizer
        self.pieces, word_of_piece = [], []
        self._first_piece = []  # of each word, and the end
        for index, word in enumerate(self._words):
            pieces = tokenizer.pieces_of_word(word)
            self._first_piece.append(len(self.pieces))
            self.pieces.extend(pieces)
            word_of_piece.extend([index] * len(pieces))
        self._first_piece.append(len(self.pieces))
        self.ids = tokenizer.ids(self.pieces)
        self.word_of_piece = np.array(word_of_piece, np.int32)

    def answer_pieces(self, example):
        """First and last piece of the example's answer, or None if there is none.

        Words are coarser than answers, so that the tightest run of pieces that reads like the
        tokenised answer is looked for among the pieces of the answer's words. Of the word
        ``(1895-1943).``, in pieces ``( 1895 - 1943 ) .``, the answer ``1895`` gets only the second.
        Where there is no such run ("Japan" in "Japanese", which is one piece), or whole words are
        wanted, all pieces of the words stay.
        """
        if example.is_impossible:
            return None
        first = self._first_piece[example.start_word]
        last = self._first_piece[example.end_word + 1] - 1
        answer = self._tokenizer.tokenize(example.answer_text)
        if answer and not example.has_whole_words:
            for start in range(first, last - len(answer) + 2):
                if self.pieces[start : start + len(answer)] == answer:
                    return start, start + len(answer) - 1
        return (first, last) if first <= last else None

    def text(self, first, last):
        """The text that the pieces ``first`` to ``last`` (inclusive) were made of."""
        words = self._words[self.word_of_piece[first] : self.word_of_piece[last] + 1]
        normal_words = [self._tokenizer.normal_word(word) for word in words]
        return align(self.pieces[first : last + 1], words, normal_words)


class PassageOfCharacters:
    """A passage whose pieces know their characters.

    Attributes:
        pieces, ids: as those of PassageOfWords.
        offsets: for each piece, the indices in the passage of its first character and of the one
            behind its last.
    """

    def __init__(self, example, tokenizer):
        self._text = example.passage
        self.pieces, self.ids, self.offsets = tokenizer.placed(self._text)

    def answer_pieces(self, example):
        """First and last piece that hold a character of the answer, or None if none does."""
        if example.is_impossible:
            return None
        start, end = _place_of_answer(example)
        inside = [
            number
            for number, (first, last) in enumerate(self.offsets)
            if first < end and last > start and first < last
        ]
        return (inside[0], inside[-1]) if inside else None

    def text(self, first, last):
        """The passage from the first piece's start to the last one's end, stripped."""
        return self._text[self.offsets[first][0] : self.offsets[last][1]].strip()


def _place_of_answer(example):
    """Where the answer starts and ends in the passage: within its words, or with all of them."""
    end = 0
    for number, word in enumerate(example.words[: example.end_word + 1]):
        first = example.passage.index(word, end)
        end = first + len(word)
        if number == example.start_word:
            start = first
    found = example.passage.find(example.answer_text, start, end)
    if found < 0 or example.has_whole_words:
        return start, end
    return found, found + len(example.answer_text)


def align(pieces, words, normal_words):
    """The part of the words that the pieces were made of.

    Pieces have lost case, accents and spacing, and words are too coarse. So the pieces' text is
    looked for in the words as the basic tokenizer leaves them, and its place is carried over by
    counting characters that are not spaces. For example::

        pieces        steve smith                       "Smith's" is one word, four pieces
        words         Steve Smith's                     lose the space: SteveSmith's
        normal words  steve smith ' s                   lose the spaces: stevesmith's
        "steve smith" is characters 0 to 9 of stevesmith's, so of SteveSmith's: "Steve Smith"

    Where that cannot work, because a piece is [UNK] or the tokenizer dropped or added characters,
    the answer is all of the words.

    Args:
        pieces: list of word pieces of consecutive passage tokens.
        words: the passage words from the first piece's to the last one's.
        normal_words: for each word, its basic tokens joined by spaces.

    Returns:
        A part of ``" ".join(words)``.
    """
    original = " ".join(words)
    wanted = " ".join(pieces).replace(" ##", "").replace("##", "")
    normal = " ".join(filter(None, normal_words))
    found = normal.find(wanted)
    if found < 0 or len(normal.replace(" ", "")) != sum(map(len, words)):
        return original
    first = found - normal.count(" ", 0, found)
    last = first + len(wanted.replace(" ", "")) - 1
    return original[_place(words, first) : _place(words, last) + 1]


def _place(words, number):
    """Where in ``" ".join(words)`` the character is that has this number without spaces."""
    start = 0
    for word in words:
        if number < len(word):
            break
        number -= len(word)
        start += len(word) + 1
    return start + number
