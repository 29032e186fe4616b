#!/usr/bin/env bash
# Fetches SQuAD into squad/ and cased BERT-base into bert/.
#
#     bash download_squad.sh            both
#     bash download_squad.sh squad      only one of them (or: bert)
#     bash download_squad.sh cmrc2018   CMRC 2018 into cmrc2018/, Chinese BERT-base into bert/
#
# Stopped, or cut off, it goes on where it was when it is started again; what is whole is left
# alone. Each file is checked before it takes its name. Edit the variables below, or set them in
# the environment.

# What to fetch.
VERSION_2=${VERSION_2:-False}                # True: SQuAD 2.0
SQUAD_URL=${SQUAD_URL:-https://rajpurkar.github.io/SQuAD-explorer/dataset}
BERT_URL=${BERT_URL:-https://storage.googleapis.com/bert_models/2018_10_18/cased_L-12_H-768_A-12.zip}
CMRC_URL=${CMRC_URL:-https://raw.githubusercontent.com/ymcui/cmrc2018/master/squad-style-data}
CHINESE_BERT_URL=${CHINESE_BERT_URL:-https://storage.googleapis.com/bert_models/2018_11_03/chinese_L-12_H-768_A-12.zip}

# Where to put it.
SQUAD_DIR=${SQUAD_DIR:-}                     # empty: squad in this folder
CMRC_DIR=${CMRC_DIR:-}                       # empty: cmrc2018 in this folder
BERT_ROOT=${BERT_ROOT:-}                     # BERT gets a folder of its own in it; empty: bert

# How many questions there must be. Empty: 87,599 and 10,570; for SQuAD 2.0 130,319 and 11,873; for
# CMRC 2018 10,142 and 3,219.
TRAIN_QUESTIONS=${TRAIN_QUESTIONS:-}
DEV_QUESTIONS=${DEV_QUESTIONS:-}

# How to fetch it.
FETCH_WITH=${FETCH_WITH:-}                   # curl, wget or python; empty: the first there is
TRIES=${TRIES:-5}                            # times to go on when the connection breaks
PAUSE=${PAUSE:-3}                            # seconds between them
PYTHON=${PYTHON:-}                           # empty: .venv's if there is one, else python

set -euo pipefail
# shellcheck source=scripts/drivers.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/drivers.sh"

# fetch URL FILE: appends what the file lacks. Status 0: the server has sent all; 1: the connection
# failed, trying again may help; 2: the server refuses, which has been said; 3: it cannot go on in
# the middle of the file.
fetch() {
    case $FETCH_WITH in
        curl) fetch_with_curl "$@" ;;
        wget) fetch_with_wget "$@" ;;
        python) "$PYTHON" "${HERE}scripts/download.py" fetch "$@" ;;
        *) fail "FETCH_WITH is '$FETCH_WITH'; say curl, wget or python" ;;
    esac
}

fetch_with_curl() {
    local code status=0 look=(--silent --show-error)
    if [ -t 2 ]; then look=(--progress-bar); fi
    # A connection that brings nothing for a minute is cut, so that it can be taken up again.
    code=$(curl "${look[@]}" --fail --location --connect-timeout 30 --speed-limit 1 \
        --speed-time 60 --continue-at - --output "$2" --write-out '%{http_code}' "$1") || status=$?
    case $status-$code in
        0-*) return 0 ;;
        33-* | *-416) return 3 ;;
        *-408 | *-429) return 1 ;; # Too slow, too often.
        *-4??) printf '%s\n' "$1: the server answers $code" >&2; return 2 ;;
        3-*) return 2 ;; # No URL.
        *) return 1 ;;
    esac
}

fetch_with_wget() {
    local status=0 look=(--no-verbose)
    if [ -t 2 ]; then look=(--quiet --show-progress); fi
    wget "${look[@]}" --continue --tries=1 --timeout=60 --output-document="$2" "$1" || status=$?
    case $status in
        0 | 1) return "$status" ;;
        2 | 8) return 2 ;; # What was asked makes no sense to wget, or the server refuses.
        *) return 1 ;;
    esac
}

# obtain URL FILE CHECK...: fetches the file under the name FILE.part and gives it its name when
# the command CHECK... FILE.part passes.
obtain() {
    local url=$1 file=$2 part=$2.part resumed=""
    shift 2
    # A run that was stopped may have left all of it.
    if [ -s "$part" ] && ! "$@" "$part" 2>/dev/null; then resumed=yes; fi
    if [ ! -s "$part" ] || [ -n "$resumed" ]; then
        echo "Fetching $url${resumed:+, going on where it was}"
        fetch_all "$url" "$part"
        if [ -n "$resumed" ] && ! "$@" "$part" 2>/dev/null; then
            # What lay there was not the beginning of this file.
            echo "Fetching it again from the start: what there was does not fit."
            rm -f "$part"
            fetch_all "$url" "$part"
        fi
        if ! "$@" "$part"; then
            rm -f "$part"
            fail "what came from $url is not the file (see above) and was removed; try again, or" \
                "fetch it with a browser and put it at $file"
        fi
    fi
    mv "$part" "$file"
}

fetch_all() { # fetch_all URL PART: fetches until the server has sent all, or gives up
    local try=1 status
    while true; do
        status=0
        fetch "$1" "$2" || status=$?
        case $status in
            0) return 0 ;;
            2)
                [ -s "$2" ] || rm -f "$2" # Wget makes it before it asks.
                fail "the server does not give $1 (see above); check the address, or try later"
                ;;
        esac
        [ "$try" -lt "$TRIES" ] ||
            fail "the connection to $1 broke $TRIES times; what came is kept: the same command" \
                "goes on from there"
        try=$((try + 1))
        if [ "$status" = 3 ]; then
            echo "The server cannot send the rest alone; starting again."
            rm -f "$2"
        else
            echo "The connection broke; going on (try $try of $TRIES)."
            sleep "$PAUSE"
        fi
    done
}

fetch_questions() { # fetch_questions URL FOLDER NAME COUNT
    local file=$2/$3
    if [ -e "$file" ]; then
        check_questions "$4" "$file" || fail "$file is there, but is not the whole file (see" \
            "above); move it away, then try again"
        echo "$file: there, $4 questions"
        return
    fi
    obtain "$1/$3" "$file" check_questions "$4"
    echo "$file: $4 questions"
}

check_questions() { "$PYTHON" "${HERE}scripts/download.py" questions "$2" "$1"; }

fetch_bert() { # fetch_bert URL
    local name=${1##*/} file
    name=${name%.zip}
    local directory=$BERT_ROOT/$name
    if [ -e "$directory" ]; then
        for file in vocab.txt bert_config.json bert_model.ckpt.index; do
            [ -s "$directory/$file" ] || fail "$directory is there, but lacks $file; move it away," \
                "then try again"
        done
        rm -f "$BERT_ROOT/$name.zip.part" # Of a run stopped after it had unpacked it.
        echo "$directory: there"
        return
    fi
    UNPACKED=$directory
    if [ -e "$BERT_ROOT/$name.zip" ]; then
        unpack "$BERT_ROOT/$name.zip" || fail "$BERT_ROOT/$name.zip is there, but will not do (see" \
            "above); move it away, then try again"
    else
        obtain "$1" "$BERT_ROOT/$name.zip" unpack
        rm -f "$BERT_ROOT/$name.zip"
    fi
    echo "$directory: unpacked"
}

# The check of a BERT is to unpack it, which reads every byte.
unpack() { [ -e "$UNPACKED" ] || "$PYTHON" "${HERE}scripts/download.py" unpack "$1" "$UNPACKED"; }

make_folder() {
    mkdir -p "$1" 2>/dev/null || true
    [ -w "$1" ] || fail "$2: cannot write in $1; choose another place"
}

trap 'exit 130' INT
case ${1:-} in
    -h | --help) usage; exit 0 ;;
    "" | squad | bert | cmrc2018) ;;
    *) fail "there is nothing called '$1' to fetch; say squad or bert, or nothing for both, or" \
        "cmrc2018" ;;
esac
boolean VERSION_2
version=1.1 counts=(87599 10570)
if [ "$VERSION_2" = True ]; then version=2.0 counts=(130319 11873); fi
SQUAD_DIR=${SQUAD_DIR:-${HERE}squad}
CMRC_DIR=${CMRC_DIR:-${HERE}cmrc2018}
BERT_ROOT=${BERT_ROOT:-${HERE}bert}
choose_python ""
for tool in curl wget python; do
    if [ -z "$FETCH_WITH" ] && { [ $tool = python ] || type -P $tool >/dev/null; }; then
        FETCH_WITH=$tool
    fi
done

if [ "${1:-squad}" = squad ]; then
    make_folder "$SQUAD_DIR" SQUAD_DIR
    fetch_questions "$SQUAD_URL" "$SQUAD_DIR" "train-v$version.json" \
        "${TRAIN_QUESTIONS:-${counts[0]}}"
    fetch_questions "$SQUAD_URL" "$SQUAD_DIR" "dev-v$version.json" "${DEV_QUESTIONS:-${counts[1]}}"
fi
if [ "${1:-bert}" = bert ]; then
    make_folder "$BERT_ROOT" BERT_ROOT
    fetch_bert "$BERT_URL"
fi
if [ "${1:-}" = cmrc2018 ]; then
    make_folder "$CMRC_DIR" CMRC_DIR
    fetch_questions "$CMRC_URL" "$CMRC_DIR" cmrc2018_train.json "${TRAIN_QUESTIONS:-10142}"
    fetch_questions "$CMRC_URL" "$CMRC_DIR" cmrc2018_dev.json "${DEV_QUESTIONS:-3219}"
    make_folder "$BERT_ROOT" BERT_ROOT
    fetch_bert "$CHINESE_BERT_URL"
fi
if [ -z "${1:-}" ] || [ "$1" = cmrc2018 ]; then
    echo
    echo "Next: bash ${HERE}train_${1:-squad}.sh"
    echo "For a Cloud TPU, BERT goes into your bucket first:"
    echo "    gsutil -m cp -r $(quoted "$BERT_ROOT") gs://your-bucket/"
fi
