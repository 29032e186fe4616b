"""What download_squad.sh does: fetches data and BERT, whole or not at all, on from where it was.

    python scripts/download.py [squad|bert|cmrc2018]

The variables at the top of download_squad.sh say from where and whereto. Python's own library is
enough, so that data can be fetched before anything is installed.
"""

import contextlib
import functools
import http.client
import os
import shlex
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile

# Started as a script, by its path: what it imports is one folder up.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common import command_line, files
from common.command_line import UserError
from squad import format as squad_format

# What a BERT of google-research's format consists of; vocab.txt and the rest lie side by side.
BERT_FILES = (
    "vocab.txt",
    "bert_config.json",
    "bert_model.ckpt.index",
    "bert_model.ckpt.data-00000-of-00001",
)
_SECONDS_WITHOUT_AN_ANSWER = 30
# Where nothing answers at all, more tries are of no use.
_TRIES_WITHOUT_AN_ANSWER = 2
_SECONDS_BETWEEN_LINES = 15
_BYTES_AT_ONCE = 1 << 16
_WHAT = ("squad", "bert", "cmrc2018")


class _Broken(Exception):
    """The connection failed: trying again may help.

    Attributes:
        answered: whether the server said anything.
    """

    def __init__(self, why, answered):
        super().__init__(str(why))
        self.answered = answered


def main(argv=None):
    """Fetches what is asked for, and says what comes next."""
    arguments = sys.argv[1:] if argv is None else argv
    what = arguments[0] if arguments else ""
    if what not in ("",) + _WHAT or len(arguments) > 1:
        raise UserError(
            "there is nothing called '%s' to fetch; say squad or bert, or nothing for both, or "
            "cmrc2018" % " ".join(arguments)
        )
    if what in ("", "squad"):
        _fetch_squad()
    if what == "cmrc2018":
        names = ("cmrc2018_train.json", "cmrc2018_dev.json")
        _fetch_questions("CMRC_URL", "CMRC_DIR", names, (10142, 3219))
    if what != "squad":
        _fetch_bert("CHINESE_BERT_URL" if what == "cmrc2018" else "BERT_URL")
    if what in ("", "cmrc2018"):
        print("\nNext: bash %s" % shlex.quote("%strain_%s.sh" % (_here(), what or "squad")))
        print("For a Cloud TPU, BERT goes into your bucket first:")
        print("    gsutil -m cp -r %s gs://your-bucket/" % shlex.quote(os.environ["BERT_ROOT"]))


def _here():
    """What to write before the name of a script, so that it is found from where the user stands."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return "" if os.getcwd() == root else root + os.sep


def _fetch_squad():
    version, counts = "1.1", (87599, 10570)
    if os.environ["VERSION_2"] == "True":
        version, counts = "2.0", (130319, 11873)
    names = ("train-v%s.json" % version, "dev-v%s.json" % version)
    _fetch_questions("SQUAD_URL", "SQUAD_DIR", names, counts)


def _number(variable, default=None):
    """The whole number in a variable, the default if it is empty."""
    text = os.environ.get(variable) or str(default)
    if not text.isdigit():
        raise UserError(
            "%s is '%s'; give a whole number, such as %s=5" % (variable, text, variable)
        )
    return int(text)


def _folder(variable):
    """The folder that a variable names; it is made if need be."""
    folder = os.environ[variable]
    with contextlib.suppress(OSError):
        os.makedirs(folder, exist_ok=True)
    if not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
        raise UserError("%s: cannot write in %s; choose another place" % (variable, folder))
    return folder


# Questions ----------------------------------------------------------------------------------------


def _fetch_questions(url_variable, folder_variable, names, counts):
    """Fetches a data set's training and development files, if they are not there."""
    folder = _folder(folder_variable)
    for name, variable, count in zip(names, ("TRAIN_QUESTIONS", "DEV_QUESTIONS"), counts):
        path, expected = os.path.join(folder, name), _number(variable, count)
        check = functools.partial(check_questions, expected=expected)
        said = "{}: {:,} questions".format(path, expected)
        if os.path.exists(path):
            try:
                check(path)
            except UserError as error:
                raise UserError("%s; it was there already: move it away, then try again" % error)
            print(said + ", there already")
            continue
        obtain(os.environ[url_variable] + "/" + name, path, check, url_variable)
        print(said)


def check_questions(path, expected):
    """Raises UserError unless the file is a data set of SQuAD's form with that many questions."""
    count = len(squad_format.questions_in(squad_format.open_file(path, "the file")))
    if count != expected:
        raise UserError("{} holds {:,} questions, not {:,}".format(path, count, expected))


# BERT ---------------------------------------------------------------------------------------------


def _fetch_bert(variable):
    """Fetches a BERT and unpacks it, if it is not there."""
    root, url = _folder("BERT_ROOT"), os.environ[variable]
    archive = os.path.join(root, url.rsplit("/", 1)[-1])
    if not archive.endswith(".zip"):
        raise UserError("%s is '%s'; name a zip file" % (variable, url))
    folder = archive[: -len(".zip")]
    if os.path.exists(folder):
        for name in BERT_FILES[:3]:
            if not os.path.exists(os.path.join(folder, name)):
                raise UserError(
                    "%s is there, but lacks %s; move it away, then try again" % (folder, name)
                )
        files.remove(archive + ".part")  # Of a run stopped after it had unpacked it.
        print("%s: there already" % folder)
        return
    unpack = functools.partial(unpack_bert, folder=folder)
    if os.path.exists(archive):
        try:
            unpack(archive)
        except UserError as error:
            raise UserError("%s; it was there already: move it away, then try again" % error)
    else:
        # The check of a BERT is to unpack it, which reads every byte.
        obtain(url, archive, unpack, variable)
        files.remove(archive)
    print("%s: unpacked" % folder)


def unpack_bert(path, folder):
    """Unpacks the folder in the zip file that has a bert_config.json.

    Args:
        path: the zip file.
        folder: gets what lies beside that bert_config.json. It appears when all of it is there.

    Raises:
        UserError: no zip file, a damaged one, or no BERT in it.
    """
    folder = os.path.abspath(folder)
    with open(path, "rb") as stream:
        files.check_is_itself(stream.read(1000), path, "the file")
    try:
        with zipfile.ZipFile(path) as archive, _temporary_folder(folder) as temporary:
            for name in _members_of_bert(path, archive):
                target = os.path.join(temporary, name.rsplit("/", 1)[-1])
                # Reading to the end checks the member's checksum.
                with archive.open(name) as member, open(target, "wb") as stream:
                    shutil.copyfileobj(member, stream, _BYTES_AT_ONCE)
            os.rename(temporary, folder)
    except (zipfile.BadZipFile, zipfile.zlib.error, EOFError) as error:
        raise UserError("%s is no whole zip file (%s)" % (path, error))
    except OSError as error:
        raise UserError("%s cannot be unpacked (%s)" % (path, error))


def _members_of_bert(path, archive):
    """The names of the files beside bert_config.json; some archives have a folder on top."""
    names = archive.namelist()
    tops = [n[: -len("bert_config.json")] for n in names if n.split("/")[-1] == "bert_config.json"]
    if len(tops) != 1:
        raise UserError("%s is a zip file, but not of one BERT" % path)
    members = [n for n in names if n.startswith(tops[0]) and n[len(tops[0]) :].count("/") == 0]
    missing = [name for name in BERT_FILES if tops[0] + name not in members]
    if missing:
        raise UserError("%s is a BERT without %s" % (path, ", ".join(missing)))
    return [name for name in members if not name.endswith("/")]


@contextlib.contextmanager
def _temporary_folder(beside):
    parent, name = os.path.split(beside)
    temporary = tempfile.mkdtemp(prefix=".%s." % name, suffix=".tmp", dir=parent)
    os.chmod(temporary, 0o755)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


# Fetching -----------------------------------------------------------------------------------------


def obtain(url, path, check, variable):
    """Fetches a file; it gets its name when it is whole.

    Args:
        url: what to fetch.
        path: where it goes. Until it is whole it is ``path + ".part"``.
        check: is called with a path; raises UserError unless the file there is the one.
        variable: the variable that can name another place to fetch it from.

    Raises:
        UserError: it cannot be had, or is not what it should be.
    """
    part = path + ".part"
    had_some = os.path.exists(part) and os.path.getsize(part) > 0
    # A run that was stopped may have left all of it.
    if had_some and not _fault(check, part):
        os.replace(part, path)
        return
    print("Fetching %s%s" % (url, ", going on where it was" if had_some else ""), flush=True)
    _fetch_all(url, path, variable)
    if had_some and _fault(check, part):
        # What lay there was not the beginning of this file.
        print("Fetching it again from the start: what there was does not fit.", flush=True)
        os.remove(part)
        _fetch_all(url, path, variable)
    fault = _fault(check, part)
    if fault:
        os.remove(part)
        raise UserError(
            "what came from %s was removed (%s); try again, or fetch it with a browser and put it "
            "at %s" % (url, fault, path)
        )
    os.replace(part, path)


def _fault(check, path):
    """What is wrong with a file, or None. For a file that is right, a check may take long."""
    try:
        check(path)
    except UserError as error:
        return error
    return None


def _fetch_all(url, path, variable):
    """Fetches until the server has sent all, or raises UserError."""
    part, tries = path + ".part", _number("TRIES", 5)
    failed = without_answer = 0
    while True:
        try:
            return fetch_rest(url, part)
        except _Broken as error:
            failed += 1
            without_answer = 0 if error.answered else without_answer + 1
            if without_answer == min(tries, _TRIES_WITHOUT_AN_ANSWER):
                raise UserError(
                    "%s cannot be reached (%s); check the network. Behind a proxy set HTTPS_PROXY, "
                    "for a mirror %s; or fetch it with a browser and put it at %s"
                    % (url, error, variable, path)
                )
            if failed >= tries:
                raise UserError(
                    "the connection to %s broke %d times (%s); what came is kept: the same command "
                    "goes on from there" % (url, failed, error)
                )
            print("%s; going on (try %d of %d)." % (error, failed + 1, tries), flush=True)
            time.sleep(_number("PAUSE", 3))


def fetch_rest(url, part):
    """Appends to a file what it lacks of the one at ``url``.

    Raises:
        _Broken: the connection failed; what came is kept, and trying again goes on from there.
        UserError: the server refuses.
    """
    have = os.path.getsize(part) if os.path.exists(part) else 0
    answered = False
    try:
        request = urllib.request.Request(url)
        if have:
            request.add_header("Range", "bytes=%d-" % have)
        with urllib.request.urlopen(request, timeout=_SECONDS_WITHOUT_AN_ANSWER) as answer:
            answered = True
            # 206: the rest. 200: a server that only sends whole files.
            if have and answer.status != 206:
                print("The server cannot send the rest alone; starting again.", flush=True)
                have = 0
            _append(answer, part, have)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # Nothing is left to send.
            return
        said = "the server answers %d %s" % (error.code, error.reason)
        if error.code >= 500 or error.code in (408, 429):  # In trouble; too slow, too often.
            raise _Broken(said, answered=True)
        raise UserError("%s: %s; check the address, or try later" % (url, said))
    except ValueError as error:  # No URL.
        raise UserError("%s: %s" % (url, error))
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(getattr(error, "reason", error), answered)


def _append(answer, part, have):
    """Writes an answer to a file behind its first ``have`` bytes."""
    length = answer.headers.get("Content-Length")
    total = have + int(length) if length else None
    shows = _Progress(total)
    with _writing(part), open(part, "r+b" if have else "wb", buffering=0) as stream:
        stream.seek(have)
        for block in _blocks(answer):
            stream.write(block)
            have += len(block)
            shows.reached(have)
    shows.end()
    if total is not None and have < total:
        raise _Broken("The connection broke", answered=True)


def _blocks(answer):
    """What is read from a server, until it ends or breaks."""
    while True:
        try:
            block = answer.read(_BYTES_AT_ONCE)
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(error, answered=True)
        if not block:
            return
        yield block


@contextlib.contextmanager
def _writing(path):
    try:
        yield
    except OSError as error:
        raise UserError("cannot write %s (%s)" % (path, error.strerror))


class _Progress:
    """How much of a file has come: on a terminal one line that changes, else one at times."""

    def __init__(self, total):
        self._of = "" if total is None else " of {:,.0f}".format(total / 1e6)
        self._on_terminal = sys.stdout.isatty()
        self._seconds = 0.2 if self._on_terminal else _SECONDS_BETWEEN_LINES
        self._last = time.monotonic()
        self._line_is_open = False

    def reached(self, count):
        """Says, if it is time, that so many bytes have come."""
        if time.monotonic() - self._last < self._seconds:
            return
        self._last = time.monotonic()
        said = "  {:,.0f}{} MB".format(count / 1e6, self._of)
        print(said, end="\r" if self._on_terminal else "\n", flush=True)
        self._line_is_open = self._on_terminal

    def end(self):
        """Ends the line of a terminal."""
        if self._line_is_open:
            print()


if __name__ == "__main__":
    sys.argv[0] = "download_squad.sh"  # What the user typed, for messages.
    command_line.run(main, goes_on=True)
