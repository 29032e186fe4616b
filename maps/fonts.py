"""Fonts for titles in any script: matplotlib's own has no Chinese, Japanese or Korean signs."""

import contextlib
import functools
import logging
import warnings

from matplotlib import font_manager, ft2font

# Tried first: fonts made for these scripts look better than one that happens to have the signs.
_PREFERRED = (
    "Noto Sans CJK",
    "Noto Sans SC",
    "Source Han Sans",
    "WenQuanYi",
    "PingFang",
    "Hiragino Sans",
    "Microsoft YaHei",
    "SimHei",
    "Arial Unicode",
    "Droid Sans Fallback",
)


def for_text(text):
    """What to give matplotlib's text functions so that every sign of the text is drawn.

    Returns:
        dict: empty if the usual font has all signs, or no installed font has more of them.
    """
    path = _best_font(frozenset(text) - {" ", "\n"})
    return {} if path is None else {"fontproperties": font_manager.FontProperties(fname=path)}


def missing_in(text):
    """The signs of a text that for_text's font does not have, as one text."""
    signs = frozenset(text) - {" ", "\n"}
    path = _best_font(signs) or _usual_font()
    return "".join(sorted(signs - _signs_of(path)))


def _usual_font():
    return font_manager.findfont("DejaVu Sans")


@functools.lru_cache(maxsize=None)
def _best_font(signs):
    """The font file that has most of the signs; None for the usual font."""
    best, path = len(signs & _signs_of(_usual_font())), None
    if best == len(signs):
        return None
    for candidate in _installed():
        known = len(signs & _signs_of(candidate))
        if known > best:
            best, path = known, candidate
        if best == len(signs):
            break
    return path


def _installed():
    """The font files, those first that are best for a title."""
    known = font_manager.fontManager.ttflist
    yield from (entry.fname for entry in sorted(known, key=_rank))
    # Matplotlib keeps a list, and does not see what was installed since it made it.
    yield from sorted(set(font_manager.findSystemFonts()) - {entry.fname for entry in known})


def _rank(entry):
    place = next((i for i, name in enumerate(_PREFERRED) if entry.name.startswith(name)), 99)
    return place, entry.style != "normal", str(entry.weight) not in ("400", "normal"), entry.fname


@functools.lru_cache(maxsize=None)
def _signs_of(path):
    if "LastResort" in path:  # Newer matplotlibs bring it; it has a box for every sign there is.
        return frozenset()
    try:
        return frozenset(map(chr, ft2font.FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):  # a font that cannot be read
        return frozenset()


@contextlib.contextmanager
def without_warnings():
    """Keeps matplotlib from warning of missing signs; see missing_in."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")
        warnings.filterwarnings("ignore", message=".*font.*")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
