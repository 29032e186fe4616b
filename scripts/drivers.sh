# shellcheck shell=bash
# What the drivers (train_*.sh, decode_*.sh) and download_squad.sh have in common. They read this
# file; there is nothing to edit in it.

# Variables that stand for the flag of run_squad.py with the same name in small letters: of both
# drivers, and of training alone. One that is empty, or that a driver does not have, is left out. To
# give both drivers one more, add its name here, and a line about it at their top.
FLAGS_OF_BOTH="DO_LOWER_CASE PREDICT_FILE MAX_SEQ_LENGTH DOC_STRIDE PREDICT_BATCH_SIZE
    USE_TPU TPU_NAME TPU_ZONE"
FLAGS_OF_TRAINING="TRAIN_FILE TRAIN_BATCH_SIZE LEARNING_RATE NUM_TRAIN_EPOCHS"

SCRIPT=${0##*/}
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The scripts run from any directory. Their own paths are absolute there, and short in ROOT itself;
# relative paths that the user gives are meant from where the user stands.
if [ "$PWD" = "$ROOT" ]; then HERE=""; else HERE="$ROOT/"; fi

fail() { # fail MESSAGE...: one line on stderr
    printf '%s: %s\n' "$SCRIPT" "$*" >&2
    exit 2
}

usage() { # prints the comment at the top of the script, and its variables
    local squads="$ROOT/${SCRIPT%%_*}_squad.sh"
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
    echo
    echo "Variables, which may be set in the environment or edited in $SCRIPT:"
    variables "$0"
    if ! [ "$0" -ef "$squads" ]; then
        echo "and, unless they stand above, those of ${squads##*/}:"
        variables "$squads"
    fi
}

variables() { # variables FILE: the lines at its top that give them their values
    sed -n '/^set -/q; s/^\([A-Z][A-Z_0-9]*=.*\)/    \1/p' "$1"
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

# choose_python [MODULE]: sets PYTHON unless it is set. It must start, be no older than 3.7, and
# have the module.
choose_python() {
    if [ -z "${PYTHON:-}" ]; then find_python; fi
    is_python_3 || fail "PYTHON=$PYTHON is no Python 3.7 or later that starts; run 'make setup' in" \
        "$ROOT, or name another PYTHON"
    [ -z "${1:-}" ] ||
        "$PYTHON" -c "import importlib.util, sys
sys.exit(importlib.util.find_spec('$1') is None)" </dev/null ||
        fail "PYTHON=$PYTHON has no $1; run 'make setup' in $ROOT, or name another PYTHON"
}

# Sets PYTHON: that of an environment of make setup's, first of the one that is active, else one on
# PATH.
find_python() {
    local environment
    case ${VIRTUAL_ENV:-} in
        "$ROOT/.venv"*) PYTHON=$VIRTUAL_ENV/bin/python; return ;;
    esac
    for environment in .venv .venv-2.21 .venv-tf2 .venv-1.15; do
        PYTHON=$HERE$environment/bin/python
        if [ -x "$PYTHON" ]; then return; fi
    done
    PYTHON=python # It may be Python 2, or not be there.
    is_python_3 || PYTHON=python3
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

# choose_data_set NAME: what goes with a data set of spans/data_sets.py: where its files and its BERT lie,
# and what to add to the names of results, so that two data sets do not overwrite each other's.
choose_data_set() {
    DATASET=$1
    case $DATASET in
        squad)
            local version=1.1
            boolean VERSION_2
            if [ "$VERSION_2" = True ]; then version=2.0; fi
            DATA_DIR=${SQUAD_DIR:-${HERE}squad}
            TRAIN_NAME=train-v$version.json PREDICT_NAME=dev-v$version.json
            BERT_NAME=cased_L-12_H-768_A-12 CASE=False
            SUFFIX=""
            TO_FETCH="fetch it with: bash ${HERE}download_squad.sh"
            ;;
        cmrc2018)
            VERSION_2=False
            DATA_DIR=${CMRC_DIR:-${HERE}cmrc2018}
            TRAIN_NAME=cmrc2018_train.json PREDICT_NAME=cmrc2018_dev.json
            BERT_NAME=chinese_L-12_H-768_A-12 CASE=True
            SUFFIX=_cmrc2018
            TO_FETCH="fetch it with: bash ${HERE}download_squad.sh cmrc2018"
            ;;
    esac
}

# Checks the variables of both scripts and fills the empty ones.
choose_places() {
    boolean USE_TPU
    case $SEED in *[!0-9]*) fail "SEED is '$SEED'; give a whole number, such as SEED=1" ;; esac
    # A run whose seed the user chose has places of its own, so that several runs stand side by side.
    RUN=${SEED:+_seed$SEED}
    place MODEL_OUTPUT_DIR "output/$DATASET$RUN"
    [ "$USE_TPU" = False ] || [ -n "$TPU_NAME" ] ||
        fail "TPU_NAME is not set; say TPU_NAME=your-tpu, or USE_TPU=False to run on a GPU or CPU"
    TRAIN_FILE=${TRAIN_FILE:-$DATA_DIR/$TRAIN_NAME}
    PREDICT_FILE=${PREDICT_FILE:-$DATA_DIR/$PREDICT_NAME}
}

# choose_model HINT: finds the model's configuration and tokenizer.
choose_model() {
    place BERT_DIR "bert/$BERT_NAME"
    VOCABULARY=vocab.txt
    if [ -f "$BERT_DIR/tokenizer.json" ]; then VOCABULARY=tokenizer.json DO_LOWER_CASE=""; fi
    local file
    for file in "$VOCABULARY" bert_config.json; do
        require_file "$BERT_DIR/$file" "$1"
    done
}

# Whether the folder of the reader says by itself what it is; BERT_DIR may say it still.
describes_itself() {
    [ -z "$BERT_DIR" ] && [ -f "$MODEL_OUTPUT_DIR/reader.json" ]
}

# leave_to_reader NAME VALUE...: empties each variable that nobody set, having the protocol's value.
leave_to_reader() {
    while [ $# -gt 0 ]; do
        if ! printenv "$1" >/dev/null && [ "${!1}" = "$2" ]; then printf -v "$1" ""; fi
        shift 2
    done
}

# Fills FLAGS with what training and decoding have in common.
common_flags() {
    FLAGS=()
    if [ -n "$BERT_DIR" ]; then
        FLAGS+=(
            "--vocab_file=$BERT_DIR/$VOCABULARY"
            "--bert_config_file=$BERT_DIR/bert_config.json"
        )
    fi
    if [ -n "$DO_LOWER_CASE" ]; then boolean DO_LOWER_CASE; fi
    FLAGS+=(
        "--version_2_with_negative=$VERSION_2"
        "--output_dir=$MODEL_OUTPUT_DIR"
    )
    if [ "$DATASET" != squad ]; then FLAGS+=("--dataset=$DATASET"); fi
    if [ "$USE_TPU" = True ]; then
        PREDICT_BATCH_SIZE=${PREDICT_BATCH_SIZE:-32}
    else
        TPU_NAME="" TPU_ZONE=""
    fi
    # shellcheck disable=SC2086
    add_flags $FLAGS_OF_BOTH
}

add_flags() { # add_flags VARIABLE...: adds those that are not empty to FLAGS
    local name
    for name in "$@"; do
        if [ -n "${!name:-}" ]; then
            FLAGS+=("--$(lower "$name")=${!name}")
        fi
    done
}

lower() { printf %s "$1" | tr '[:upper:]' '[:lower:]'; }

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

# run_squad FLAG...: runs the command, which shows itself, ready to be copied, once it has found its
# flags right: so a line that refuses one stands alone.
run_squad() {
    local flag text
    text=$(quoted "$PYTHON" "${HERE}run_squad.py")
    for flag in "$@"; do
        text="$text "$'\\\n'"    $(quoted "$flag")"
    done
    SHOWN_COMMAND=$text "$PYTHON" "${HERE}run_squad.py" "$@"
}

further_zones() { # further_zones ZONE,...: those that are none of the map's five
    local zone further="" IFS=,
    for zone in $1; do
        case $zone in
            all | q2 | q2p | p2q | p2) ;;
            *) further=${further:+$further,}$zone ;;
        esac
    done
    printf %s "$further"
}

choose_results() { # choose_results FLAG...: lets results take what decode made, if need be in time
    local flag zone further named partial="" is_sweep=yes takes_all="" count=0
    for flag in "$@"; do
        case $flag in
            --mask_zone=?*) zones=$(lower "${flag#*=}") ;;
            --zones_file=?*) ZONES_FILE=${flag#*=} ;;
            --do_sweep=[Ff]alse | --nodo_sweep) is_sweep="" takes_all=yes ;;
            # Of heads, runs of layers and every layer at once it takes what there is.
            --sweep_* | --mask_head* | --mask_layer=*-*) takes_all=yes ;;
            --mask_layer=?*) partial=--partial ;;
            --write_attention | --write_attention=[Tt]rue)
                looked=("$PYTHON" "${HERE}report.py" "$PREDICTION_DIR" "$PREDICT_FILE" report.html) ;;
        esac
    done
    if [ -z "$is_sweep$zones" ]; then # the baseline alone
        results=("$PYTHON" "${HERE}eval_$DATASET.py" "$PREDICT_FILE" "$PREDICTION_DIR/predictions.json")
        looked=()
        return
    fi
    if [ -n "$takes_all" ]; then return; fi
    named=$zones
    if [ -z "$named" ] && [ -f "${ZONES_FILE:-}" ]; then
        named=$("$PYTHON" -c "import json, sys
print(*json.load(open(sys.argv[1], encoding='utf-8-sig')), sep=',')" "$ZONES_FILE" </dev/null)
    fi
    further=$(further_zones "$named")
    if [ -n "$further" ]; then results+=("--zones=$further"); fi
    if [ -n "$partial" ]; then results+=("$partial"); fi
    for zone in ${zones//,/ }; do
        case $zone in all | q2 | q2p | p2q | p2) count=$((count + 1)) ;; esac
    done
    # The table wants all five or none.
    if [ -z "$partial" ] && [ $((count % 5)) != 0 ]; then
        condition=", once every zone is decoded"
    fi
}

# What a driver does, once its variables are set.

# train DATA_SET [FLAG...]
train() {
    local data_set=$1 file
    shift
    case ${1:-} in -h | --help) usage; exit 0 ;; esac
    choose_data_set "$data_set"
    choose_places
    for file in "$TRAIN_FILE" "$PREDICT_FILE"; do
        require_file "$file" "$TO_FETCH"
    done
    choose_model "$TO_FETCH, or set BERT_DIR to a folder that has it"
    require_file "$BERT_DIR/bert_model.ckpt.index" \
        "$TO_FETCH, or set BERT_DIR to a folder that has it"
    choose_python tensorflow

    common_flags
    # shellcheck disable=SC2086
    add_flags $FLAGS_OF_TRAINING
    run_squad --do_train=True "--init_checkpoint=$BERT_DIR/bert_model.ckpt" \
        "--random_seed=${SEED:-12345}" --do_predict=True "${FLAGS[@]}" "$@"

    cat <<END

The trained reader and its answers are in $MODEL_OUTPUT_DIR
Next, its exact match, which is the baseline of the map:
    $(quoted "$PYTHON" "${HERE}eval_$DATASET.py" "$PREDICT_FILE" "$MODEL_OUTPUT_DIR/predictions.json")
then the cells, with the same variables:
    $(quoted ${SEED:+"SEED=$SEED"} bash "${HERE}decode_$DATASET.sh")
END
}

# decode DATA_SET [ZONE...] [-- FLAG...]
decode() {
    local data_set=$1 zones="" results looked=() condition=""
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage; exit 0 ;;
            --) shift; break ;;
            -*) fail "$1 stands before --; write: bash $SCRIPT [ZONE ...] -- $1" ;;
            *) zones=${zones:+$zones,}$(lower "$1"); shift ;;
        esac
    done
    choose_data_set "$data_set"
    choose_places
    place PREDICTION_DIR "prediction$SUFFIX$RUN"
    require_file "$PREDICT_FILE" "$TO_FETCH"
    case $MODEL_OUTPUT_DIR in
        gs://*) ;;
        *) [ -d "$MODEL_OUTPUT_DIR" ] || fail "there is no trained reader in $MODEL_OUTPUT_DIR; make it" \
            "with: bash ${HERE}train_$DATASET.sh, or set MODEL_OUTPUT_DIR" ;;
    esac
    if describes_itself; then
        leave_to_reader DO_LOWER_CASE "$CASE" MAX_SEQ_LENGTH 512 DOC_STRIDE 128
    else
        choose_model "set BERT_DIR to what train_$DATASET.sh had"
    fi
    choose_python tensorflow

    common_flags
    add_flags ZONES_FILE MAX_QUESTIONS
    run_squad --do_sweep=True ${zones:+"--mask_zone=$zones"} "--prediction_dir=$PREDICTION_DIR" \
        "${FLAGS[@]}" "$@"

    results=("$PYTHON" "${HERE}get_results.py" "$PREDICTION_DIR" "results$SUFFIX$RUN.csv")
    if [ "$PREDICT_FILE" != squad/dev-v1.1.json ]; then results+=("--data-file=$PREDICT_FILE"); fi
    if [ "$DATASET" != squad ]; then results+=("--dataset=$DATASET"); fi
    choose_results "$@"
    cat <<END

The answers are in $PREDICTION_DIR
Next$condition:
    $(quoted "${results[@]}")
END
    if [ ${#looked[@]} != 0 ]; then
        printf 'then, with what is looked at beside the map:\n    %s\n' "$(quoted "${looked[@]}")"
    fi
}
