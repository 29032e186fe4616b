"""download_squad.sh against a server of our own: whole, cut off, and pages in place of files."""

import http.server
import io
import json
import os
import pathlib
import subprocess
import sys
import threading
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TRAIN, DEV, BERT = "train-v1.1.json", "dev-v1.1.json", "tiny_bert"
BERT_FILES = {
    "vocab.txt": b"[PAD]\n[UNK]\n",
    "bert_config.json": b"{}",
    "bert_model.ckpt.index": b"index",
    # Random, so that half of the archive is no whole archive.
    "bert_model.ckpt.data-00000-of-00001": os.urandom(200000),
}


def data_set(num_questions):
    """A file in SQuAD's format with two articles."""
    questions = [{"id": "q%d" % i, "question": "Who?", "answers": []} for i in range(num_questions)]
    paragraphs = [{"context": "Ada.", "qas": questions[half::2]} for half in (0, 1)]
    return json.dumps({"data": [{"paragraphs": [p]} for p in paragraphs]}).encode()


def bert_archive(names=tuple(BERT_FILES), top="uncased_L-2/"):
    """A zip file like the published ones, which have one directory in them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(top + name, BERT_FILES[name])
    return buffer.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves ``contents``; notes in ``asked`` which byte of which file each request began at."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.contents = {
            "/" + TRAIN: data_set(1000),
            "/" + DEV: data_set(70),
            "/%s.zip" % BERT: bert_archive(),
        }
        self.asked = []
        self.knows_ranges = True
        self.cuts = 0  # so many answers will end half-way
        self.url = "http://127.0.0.1:%d" % self.server_port


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.contents.get(self.path)
        if content is None:
            self.send_error(404)
            return
        if isinstance(content, int):
            self.send_error(content)
            return
        start = 0
        if self.server.knows_ranges and self.headers.get("Range"):
            start = int(self.headers["Range"].replace("bytes=", "").rstrip("-"))
        self.server.asked.append((self.path.strip("/"), start))
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", "bytes */%d" % len(content))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            last = len(content) - 1
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, last, last + 1))
        rest = content[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.server.cuts:
            self.server.cuts -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    """A Server that is running."""
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=[0.01], daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def download(server, tmp_path, monkeypatch):
    """Runs download_squad.sh into ``tmp_path / "a b"``."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments, shell="bash", **variables):
        environment = dict(
            os.environ,
            SQUAD_URL=server.url,
            BERT_URL="%s/%s.zip" % (server.url, BERT),
            SQUAD_DIR=str(tmp_path / "a b" / "squad"),
            BERT_ROOT=str(tmp_path / "a b" / "bert"),
            TRAIN_QUESTIONS="1000",
            DEV_QUESTIONS="70",
            TRIES="3",
            PAUSE="0",
            PYTHON=sys.executable,
            VERSION_2="False",
        )
        environment.update(variables)
        return subprocess.run(
            [shell, str(ROOT / "download_squad.sh"), *arguments],
            env=environment,
            cwd=str(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            check=False,
        )

    run.squad = tmp_path / "a b" / "squad"
    run.bert = tmp_path / "a b" / "bert"
    return run


def names_in(folder):
    """The names in a folder, hidden ones too."""
    return sorted(os.listdir(str(folder)))


def last_line(text):
    """The last line of an output; the line that says what to do."""
    return text.strip().splitlines()[-1]


@pytest.mark.quick
def test_fetches_everything_and_then_nothing(download, server):
    first = download()
    assert first.returncode == 0, first.stderr
    assert names_in(download.squad) == [DEV, TRAIN]
    assert (download.squad / TRAIN).read_bytes() == server.contents["/" + TRAIN]
    assert names_in(download.bert) == [BERT]
    assert {path.name: path.read_bytes() for path in (download.bert / BERT).iterdir()} == BERT_FILES
    assert "train_squad.sh" in first.stdout

    asked = list(server.asked)
    second = download()
    assert second.returncode == 0, second.stderr
    assert server.asked == asked


@pytest.mark.quick
def test_goes_on_where_the_connection_broke(download, server):
    server.cuts = 2
    done = download("squad")
    assert done.returncode == 0, done.stderr
    assert (download.squad / TRAIN).read_bytes() == server.contents["/" + TRAIN]
    half = len(server.contents["/" + TRAIN]) // 2
    assert [start for name, start in server.asked if name == TRAIN][:2] == [0, half]
    assert len([name for name, _ in server.asked if name == TRAIN]) == 3
    assert "try 2 of 3" in done.stdout


def test_gives_up_in_the_end_and_the_next_run_goes_on(download, server):
    server.cuts = 3
    stopped = download("squad")
    assert stopped.returncode == 2
    assert "goes on from there" in last_line(stopped.stderr)
    assert names_in(download.squad) == [TRAIN + ".part"]
    have = (download.squad / (TRAIN + ".part")).stat().st_size

    assert download("squad").returncode == 0
    assert server.asked[3] == (TRAIN, have)
    assert (download.squad / TRAIN).read_bytes() == server.contents["/" + TRAIN]
    assert names_in(download.squad) == [DEV, TRAIN]


def test_a_server_without_ranges_sends_it_all_again(download, server):
    server.knows_ranges = False
    server.cuts = 1
    done = download("squad")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (download.squad / TRAIN).read_bytes() == server.contents["/" + TRAIN]


def test_a_part_that_is_whole_is_not_fetched_again(download, server):
    download.squad.mkdir(parents=True)
    (download.squad / (TRAIN + ".part")).write_bytes(server.contents["/" + TRAIN])
    assert download("squad").returncode == 0
    assert [name for name, _ in server.asked] == [DEV]


@pytest.mark.parametrize("size", [100, 10**6], ids=["shorter", "longer"])
def test_a_part_of_another_file_is_fetched_again(download, server, size):
    download.squad.mkdir(parents=True)
    (download.squad / (TRAIN + ".part")).write_bytes(b"x" * size)
    done = download("squad")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (download.squad / TRAIN).read_bytes() == server.contents["/" + TRAIN]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<!DOCTYPE html><html>Please log in</html>", "is a web page"),
        (b"\n  <HTML>Please log in</HTML>", "is a web page"),
        (data_set(1000)[:-50], "is not JSON"),
        pytest.param(data_set(999), "holds 999 questions, not 1,000", marks=pytest.mark.quick),
        (b'{"data": [{"paragraphs": 3}]}', "data[0]: 'paragraphs' is not a list"),
        (b"[]", "not SQuAD's"),
        (b"", "is empty"),
    ],
    ids=["page", "upper-case page", "cut", "fewer", "other shape", "a list", "empty"],
)
def test_refuses_what_is_not_the_file(download, server, content, complaint):
    server.contents["/" + TRAIN] = content
    refused = download()
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr
    assert str(download.squad / TRAIN) in last_line(refused.stderr)
    assert names_in(download.squad) == []
    assert not download.bert.exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<html>Please log in</html>", "is a web page"),
        (bert_archive()[:-100], "no whole zip file"),
        (bert_archive(names=["vocab.txt", "bert_config.json"]), "without bert_model.ckpt.index"),
        (bert_archive(names=["vocab.txt"]), "not of one BERT"),
        (bert_archive().replace(BERT_FILES["vocab.txt"], b"[PAD]\n[XXX]\n"), "CRC"),
    ],
    ids=["page", "cut", "incomplete", "no configuration", "damaged"],
)
def test_refuses_what_is_not_a_bert(download, server, content, complaint):
    server.contents["/%s.zip" % BERT] = content
    refused = download("bert")
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr
    assert names_in(download.bert) == []


def test_a_bert_without_a_directory_in_its_archive(download, server):
    server.contents["/%s.zip" % BERT] = bert_archive(top="")
    assert download("bert").returncode == 0
    assert names_in(download.bert / BERT) == sorted(BERT_FILES)


def test_an_archive_that_the_user_put_there_is_unpacked_and_kept(download, server):
    download.bert.mkdir(parents=True)
    (download.bert / (BERT + ".zip")).write_bytes(bert_archive())
    assert download("bert").returncode == 0
    assert names_in(download.bert) == [BERT, BERT + ".zip"]
    assert server.asked == []


def test_an_unknown_address_is_not_tried_again(download, server):
    del server.contents["/" + DEV]
    refused = download("squad")
    assert refused.returncode == 2
    assert "404" in refused.stderr
    assert server.url + "/" + DEV in last_line(refused.stderr)
    assert "try 2" not in refused.stdout
    assert names_in(download.squad) == [TRAIN]


def test_a_server_in_trouble_is_tried_again(download, server):
    server.contents["/" + TRAIN] = 503
    refused = download("squad")
    assert refused.returncode == 2
    assert "try 3 of 3" in refused.stdout


@pytest.mark.quick
def test_without_network_it_names_the_ways_around(download):
    stopped = download("squad", SQUAD_URL="http://127.0.0.1:9/squad", TRIES="5")
    assert stopped.returncode == 2
    (line,) = stopped.stderr.splitlines()
    for way in ("HTTPS_PROXY", "SQUAD_URL", "put it at %s" % (download.squad / TRAIN)):
        assert way in line
    assert names_in(download.squad) == []
    stopped = download("bert", BERT_URL="http://nowhere.invalid/%s.zip" % BERT)
    assert "BERT_URL" in last_line(stopped.stderr)
    assert str(download.bert / (BERT + ".zip")) in last_line(stopped.stderr)


def test_a_proxy_is_used(download, server):
    """The server of these tests stands in for a proxy: it is asked for the whole address."""
    for name in (TRAIN, DEV):
        server.contents["http://far.invalid/" + name] = server.contents["/" + name]
    done = download("squad", SQUAD_URL="http://far.invalid", http_proxy=server.url)
    assert done.returncode == 0, done.stderr
    assert [name for name, _ in server.asked] == ["http://far.invalid/" + n for n in (TRAIN, DEV)]


def test_a_full_disk_is_said(download, tmp_path):
    download.squad.mkdir(parents=True)
    (download.squad / (TRAIN + ".part")).symlink_to("/dev/full")
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    refused = download("squad")
    assert refused.returncode == 2
    assert "cannot write" in refused.stderr and "No space left" in refused.stderr
    assert "try 2" not in refused.stdout


@pytest.mark.quick
def test_a_file_of_the_user_is_neither_taken_nor_replaced(download, server):
    download.squad.mkdir(parents=True)
    (download.squad / TRAIN).write_bytes(data_set(3))
    refused = download("squad")
    assert refused.returncode == 2
    assert "holds 3 questions, not 1,000" in refused.stderr
    assert "move it away" in last_line(refused.stderr)
    assert (download.squad / TRAIN).read_bytes() == data_set(3)
    assert server.asked == []


def test_an_incomplete_bert_of_the_user_is_refused(download, server):
    (download.bert / BERT).mkdir(parents=True)
    refused = download("bert")
    assert refused.returncode == 2
    assert "lacks vocab.txt" in last_line(refused.stderr)
    assert server.asked == []


def test_the_published_counts_are_asked_for(download):
    refused = download("squad", TRAIN_QUESTIONS="")
    assert "holds 1,000 questions, not 87,599" in refused.stderr
    refused = download("squad", DEV_QUESTIONS="")
    assert "holds 70 questions, not 10,570" in refused.stderr


def test_squad_2(download, server):
    server.contents = {"/train-v2.0.json": data_set(8), "/dev-v2.0.json": data_set(4)}
    counts = {"TRAIN_QUESTIONS": "8", "DEV_QUESTIONS": "4"}
    assert download("squad", VERSION_2="True", **counts).returncode == 0
    assert names_in(download.squad) == ["dev-v2.0.json", "train-v2.0.json"]


@pytest.mark.parametrize(
    ("arguments", "variables", "complaint"),
    [
        (["squat"], {}, "squat"),
        (["squad"], {"VERSION_2": "maybe"}, "VERSION_2"),
        (["squad"], {"TRIES": "many"}, "TRIES is 'many'"),
        (["squad"], {"PYTHON": "/nowhere/python"}, "PYTHON=/nowhere/python"),
        (["squad"], {"SQUAD_DIR": "/dev/null/squad"}, "SQUAD_DIR"),
    ],
)
def test_a_mistake_is_one_line(download, server, arguments, variables, complaint):
    refused = download(*arguments, **variables)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith("download_squad.sh: ")
    assert complaint in line
    assert server.asked == []


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_help_shows_what_can_be_set(download, shell):
    shown = download("--help", shell=shell)
    assert shown.returncode == 0
    for name in ("SQUAD_URL", "BERT_URL", "VERSION_2", "download_squad.sh squad"):
        assert name in shown.stdout
