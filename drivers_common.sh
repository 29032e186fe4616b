# shellcheck shell=bash
# What train_squad.sh, decode_squad.sh and download_squad.sh have in common. They read this file;
# there is nothing to edit in it.

SCRIPT=${0##*/}
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The scripts run from any directory. Their own paths are absolute there, and short in ROOT itself;
# relative paths that the user gives are meant from where the user stands.
if [ "$PWD" = "$ROOT" ]; then HERE=""; else HERE="$ROOT/"; fi

fail() { # fail MESSAGE...: one line on stderr
    printf '%s: %s\n' "$SCRIPT" "$*" >&2
    exit 2
}

usage() { # prints the comment at the top of the script
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
    echo
    echo "Variables, which may be set in the environment or edited in $SCRIPT:"
    sed -n '/^set -/q; s/^\([A-Z][A-Z_0-9]*=.*\)/    \1/p' "$0"
}

boolean() { # boolean NAME...: makes each variable True or False
    local name
    for name in "$@"; do
        case ${!name} in
            [Tt]rue | TRUE | 1) printf -v "$name" True ;;
            [Ff]alse | FALSE | 0) printf -v "$name" False ;;
            *) fail "$name is '${!name}'; say $name=True or $name=False" ;;
        esac
    done
}

require_file() { # require_file PATH HINT: unless it is on gs://, it must be there
    case $1 in gs://*) return ;; esac
    [ -f "$1" ] || fail "there is no file $1; $2"
}

# choose_python [MODULE]: sets PYTHON unless it is set: the environment's that make setup makes,
# else one on PATH. It must start, be no older than 3.7, and have the module.
choose_python() {
    if [ -z "${PYTHON:-}" ]; then
        PYTHON=${HERE}.venv/bin/python
        [ -x "$PYTHON" ] || PYTHON=python
        # It may be Python 2, or not be there.
        [ "$PYTHON" != python ] || is_python_3 || PYTHON=python3
    fi
    is_python_3 || fail "PYTHON=$PYTHON is no Python 3.7 or later that starts; run 'make setup' in" \
        "$ROOT, or name another PYTHON"
    [ -z "${1:-}" ] ||
        "$PYTHON" -c "import importlib.util, sys
sys.exit(importlib.util.find_spec('$1') is None)" </dev/null ||
        fail "PYTHON=$PYTHON has no $1; run 'make setup' in $ROOT, or name another PYTHON"
}

is_python_3() {
    "$PYTHON" -c "import sys; sys.exit(sys.version_info < (3, 7))" >/dev/null 2>&1 </dev/null
}

# place NAME PATH: gives the variable, if it is empty, its place: under this folder or, for a Cloud
# TPU, in the bucket. What a user names for a TPU must be in a bucket, too: TPUs see no local disk.
place() {
    if [ "$USE_TPU" = False ]; then
        printf -v "$1" %s "${!1:-$HERE$2}"
    elif [ -n "${!1}" ]; then
        case ${!1} in
            gs://*) ;;
            *) fail "$1=${!1} is on this machine; a TPU needs $1=gs://..., or say USE_TPU=False" ;;
        esac
    else
        [ -n "$GS_BUCKET" ] || fail "GS_BUCKET is not set; say GS_BUCKET=your-bucket" \
            "TPU_NAME=your-tpu, or USE_TPU=False to run on a GPU or CPU"
        local bucket=${GS_BUCKET#gs://}
        printf -v "$1" %s "gs://${bucket%/}/$2"
    fi
}

# Checks the variables of both scripts and fills the empty ones.
choose_places() {
    boolean USE_TPU VERSION_2 DO_LOWER_CASE
    place BERT_DIR bert/cased_L-12_H-768_A-12
    place MODEL_OUTPUT_DIR output/squad
    [ "$USE_TPU" = False ] || [ -n "$TPU_NAME" ] ||
        fail "TPU_NAME is not set; say TPU_NAME=your-tpu, or USE_TPU=False to run on a GPU or CPU"
    local version=1.1
    if [ "$VERSION_2" = True ]; then version=2.0; fi
    SQUAD_DIR=${SQUAD_DIR:-${HERE}squad}
    TRAIN_FILE=${TRAIN_FILE:-$SQUAD_DIR/train-v$version.json}
    PREDICT_FILE=${PREDICT_FILE:-$SQUAD_DIR/dev-v$version.json}
}

# Fills FLAGS with what training and decoding have in common.
common_flags() {
    FLAGS=(
        "--vocab_file=$BERT_DIR/vocab.txt"
        "--bert_config_file=$BERT_DIR/bert_config.json"
        "--do_lower_case=$DO_LOWER_CASE"
        "--predict_file=$PREDICT_FILE"
        "--version_2_with_negative=$VERSION_2"
        "--max_seq_length=$MAX_SEQ_LENGTH"
        "--doc_stride=$DOC_STRIDE"
        "--output_dir=$MODEL_OUTPUT_DIR"
        "--use_tpu=$USE_TPU"
    )
    if [ "$USE_TPU" = True ]; then
        FLAGS+=("--tpu_name=$TPU_NAME")
        if [ -n "$TPU_ZONE" ]; then FLAGS+=("--tpu_zone=$TPU_ZONE"); fi
        PREDICT_BATCH_SIZE=${PREDICT_BATCH_SIZE:-32}
    fi
    if [ -n "$PREDICT_BATCH_SIZE" ]; then FLAGS+=("--predict_batch_size=$PREDICT_BATCH_SIZE"); fi
}

quoted() { # quoted WORD...: the words as they can be typed, on one line
    local word text=""
    for word in "$@"; do
        case $word in
            "" | *[!a-zA-Z0-9_./:=,@%+-]*) printf -v word %q "$word" ;;
        esac
        text="$text $word"
    done
    printf '%s' "${text# }"
}

run_squad() { # run_squad FLAG...: prints the command, ready to be copied, and runs it
    local flag
    quoted "$PYTHON" "${HERE}run_squad.py"
    for flag in "$@"; do printf ' \\\n    %s' "$(quoted "$flag")"; done
    printf '\n'
    "$PYTHON" "${HERE}run_squad.py" "$@"
}
