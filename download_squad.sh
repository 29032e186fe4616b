#!/usr/bin/env bash
# Fetches SQuAD into squad/ and cased BERT-base into bert/.
#
#     bash download_squad.sh            both
#     bash download_squad.sh squad      only one of them (or: bert)
#     bash download_squad.sh cmrc2018   CMRC 2018 into cmrc2018/, Chinese BERT-base into bert/
#
# Stopped, or cut off, it goes on where it was when it is started again; what is whole is left
# alone. Each file is checked before it takes its name. Edit the variables below, or set them in
# the environment. A proxy is taken from HTTPS_PROXY.

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
TRIES=${TRIES:-5}                            # times to go on when the connection breaks
PAUSE=${PAUSE:-3}                            # seconds between them
PYTHON=${PYTHON:-}                           # empty: that of make setup, else python on PATH

# sh may be another shell.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
# shellcheck source=scripts/drivers.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/drivers.sh"

case ${1:-} in -h | --help) usage; exit 0 ;; esac
boolean VERSION_2
choose_python ""
export VERSION_2 SQUAD_URL BERT_URL CMRC_URL CHINESE_BERT_URL TRAIN_QUESTIONS DEV_QUESTIONS TRIES PAUSE
export SQUAD_DIR=${SQUAD_DIR:-${HERE}squad} CMRC_DIR=${CMRC_DIR:-${HERE}cmrc2018}
export BERT_ROOT=${BERT_ROOT:-${HERE}bert}
"$PYTHON" "${HERE}scripts/download.py" "$@"
