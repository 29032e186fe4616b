"""What download_squad.sh needs beyond a shell: is it the whole file, and unpack BERT.

    python scripts/download.py questions FILE COUNT
    python scripts/download.py unpack ZIP DIRECTORY
    python scripts/download.py fetch URL FILE

It needs Python's own library only, so that data can be fetched before anything is installed.
"""

import contextlib
import http.client
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile

# Started as a script, by its path: what it imports is one folder up.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common import command_line, files
from common.command_line import UserError
from squad.format import open_file, questions_in

# What a BERT of google-research's format consists of; vocab.txt and the rest lie side by side.
BERT_FILES = (
    "vocab.txt",
    "bert_config.json",
    "bert_model.ckpt.index",
    "bert_model.ckpt.data-00000-of-00001",
)
_SECONDS_WITHOUT_AN_ANSWER = 60
_BYTES_AT_ONCE = 1 << 20


def main(argv=None):
    """Runs one of the three commands; the status is 1 where trying again may help.

    Raises:
        UserError: the file is not what it should be.
    """
    parser = command_line.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    questions = commands.add_parser("questions", help="is it SQuAD, with that many questions?")
    questions.add_argument("file")
    questions.add_argument("count", type=int)
    unpack = commands.add_parser("unpack", help="unpack a BERT, whole or not at all")
    unpack.add_argument("zip")
    unpack.add_argument("directory")
    fetch = commands.add_parser("fetch", help="fetch a file, going on where it stops")
    fetch.add_argument("url")
    fetch.add_argument("file")
    options = parser.parse_args(argv)
    if options.command == "questions":
        return check_questions(options.file, options.count)
    if options.command == "unpack":
        return unpack_bert(options.zip, options.directory)
    return fetch_rest(options.url, options.file)


def check_questions(path, expected):
    """Raises UserError unless the file is a data set of SQuAD with that many questions."""
    count = len(questions_in(open_file(path, "SQuAD")))
    if count != expected:
        raise UserError(
            "%s: holds %s questions, not %s" % (path, "{:,}".format(count), "{:,}".format(expected))
        )
    return 0


def unpack_bert(path, directory):
    """Unpacks the directory in the zip file that has a bert_config.json.

    Args:
        path: the zip file.
        directory: gets what lies beside that bert_config.json. It appears when all of it is there.

    Raises:
        UserError: no zip file, a damaged one, or no BERT in it.
    """
    with open(path, "rb") as stream:
        files.check_is_itself(stream.read(1000), path, "BERT")
    directory = os.path.abspath(directory)
    try:
        with zipfile.ZipFile(path) as archive, _temporary_directory(directory) as temporary:
            for name in _members_of_bert(path, archive):
                target = os.path.join(temporary, name.rsplit("/", 1)[-1])
                # Reading to the end checks the member's checksum.
                with archive.open(name) as member, open(target, "wb") as stream:
                    shutil.copyfileobj(member, stream, _BYTES_AT_ONCE)
            os.rename(temporary, directory)
    except (zipfile.BadZipFile, zipfile.zlib.error, EOFError) as error:
        raise UserError("%s: is no whole zip file (%s)" % (path, error))
    except OSError as error:
        raise UserError("%s: cannot be unpacked (%s)" % (path, error))
    return 0


def _members_of_bert(path, archive):
    """The names of the files beside bert_config.json; some archives have a directory on top."""
    names = archive.namelist()
    tops = [n[: -len("bert_config.json")] for n in names if n.split("/")[-1] == "bert_config.json"]
    if len(tops) != 1:
        raise UserError("%s: is a zip file, but not of one BERT" % path)
    members = [n for n in names if n.startswith(tops[0]) and n[len(tops[0]) :].count("/") == 0]
    missing = [name for name in BERT_FILES if tops[0] + name not in members]
    if missing:
        raise UserError("%s: a BERT without %s" % (path, ", ".join(missing)))
    return [name for name in members if not name.endswith("/")]


@contextlib.contextmanager
def _temporary_directory(beside):
    parent, name = os.path.split(beside)
    temporary = tempfile.mkdtemp(prefix=".%s." % name, suffix=".tmp", dir=parent)
    os.chmod(temporary, 0o755)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def fetch_rest(url, path):
    """Appends to ``path`` what it lacks of the file at ``url``, for machines without curl or wget.

    Returns:
        0, or 1 where the connection failed: what came is kept, and trying again goes on from there.

    Raises:
        UserError: the server refuses.
    """
    have = os.path.getsize(path) if os.path.exists(path) else 0
    request = urllib.request.Request(url)
    if have:
        request.add_header("Range", "bytes=%d-" % have)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS_WITHOUT_AN_ANSWER) as answer:
            # 206: the rest. 200: a server that only sends whole files.
            mode = "ab" if answer.status == 206 else "wb"
            expected = answer.headers.get("Content-Length")
            with open(path, mode) as stream:
                before = stream.tell()
                shutil.copyfileobj(answer, stream, _BYTES_AT_ONCE)
                came = stream.tell() - before
        whole = expected is None or came == int(expected)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # Nothing is left to send.
            return 0
        if error.code >= 500:
            print("the server answers %d %s" % (error.code, error.reason))
            return 1
        raise UserError("%s: the server answers %d %s" % (url, error.code, error.reason))
    except (OSError, http.client.HTTPException) as error:
        print("%s: %s" % (url, error))
        return 1
    return 0 if whole else 1


if __name__ == "__main__":
    command_line.run(main)
