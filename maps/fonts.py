"""Fonts for titles in any script: matplotlib's own has no Chinese, Japanese or Korean signs."""

import contextlib
import difflib
import functools
import logging
import warnings

from matplotlib import font_manager, ft2font

from common.command_line import UserError

# Part of matplotlib, so that it is always there.
_USUAL = "DejaVu Sans"

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


def check(name, signs, what):
    """Makes sure that a font can write some signs.

    Raises:
        UserError: it is not installed, or lacks some of them.
    """
    try:
        path = font_manager.findfont(name, fallback_to_default=False)
    except ValueError:
        known = sorted({entry.name for entry in font_manager.fontManager.ttflist})
        close = difflib.get_close_matches(name, known, 5, 0.4) or known[:5]
        raise UserError(
            "%s: no font %s is installed here; install it, or choose one that is, such as %s"
            % (what, name, ", ".join(close))
        )
    missing = sorted(frozenset(signs) - _signs_of(path))
    if missing:
        raise UserError(
            "%s: %s has no signs for %s; choose another font" % (what, name, " ".join(missing))
        )


def for_text(text, usual=_USUAL):
    """What to give matplotlib's text functions so that every sign of the text is drawn.

    Args:
        text: str.
        usual: the font that the figure has, which is taken if it has all signs.

    Returns:
        dict: empty if the usual font has all signs, or no installed font has more of them.
    """
    path = _best_font(frozenset(text) - {" ", "\n"}, usual or _USUAL)
    return {} if path is None else {"fontproperties": font_manager.FontProperties(fname=path)}


def missing_in(text):
    """The signs of a text that for_text's font does not have, as one text."""
    signs = frozenset(text) - {" ", "\n"}
    path = _best_font(signs, _USUAL) or font_manager.findfont(_USUAL)
    return "".join(sorted(signs - _signs_of(path)))


@functools.lru_cache(maxsize=None)
def _best_font(signs, usual):
    """The font file that has most of the signs; None for the usual font."""
    best, path = len(signs & _signs_of(font_manager.findfont(usual))), None
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
    # Matplotlib keeps a list of fonts, which lacks those installed since it was made.
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
