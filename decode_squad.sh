#!/usr/bin/env bash
# Answers the development questions with attention zones masked: every layer, one file for each.
#
#     bash decode_squad.sh                  every zone of the map, and nothing masked
#     bash decode_squad.sh q2               the zone q2 only; several may be named
#     bash decode_squad.sh q2 -- --write_nbest=True
#
# The zones are those of zones/masks.py. What stands behind -- is passed on to run_squad.py.
# Stopped and started again, it goes on where it was; what is finished is not done again.
# Edit the variables below, or set them in the environment: as for train_squad.sh.

# Where it runs.
USE_TPU=${USE_TPU:-True}                     # False: a GPU if there is one, else the CPU
GS_BUCKET=${GS_BUCKET:-}                     # TPU only: your bucket, for example my-bucket
TPU_NAME=${TPU_NAME:-}                       # TPU only: its name
TPU_ZONE=${TPU_ZONE:-}                       # TPU only: for example us-central1-a
PYTHON=${PYTHON:-}                           # empty: that of make setup, else python on PATH

# Files. Empty: under this folder, or with a TPU under gs://$GS_BUCKET.
BERT_DIR=${BERT_DIR:-}                       # empty: bert/cased_L-12_H-768_A-12
MODEL_OUTPUT_DIR=${MODEL_OUTPUT_DIR:-}       # the trained reader; empty: output/squad
PREDICTION_DIR=${PREDICTION_DIR:-}           # where the answers go; empty: prediction
# The data set is always read by this machine.
SQUAD_DIR=${SQUAD_DIR:-}                     # empty: squad
PREDICT_FILE=${PREDICT_FILE:-}               # empty: dev-v1.1.json in SQUAD_DIR
MAX_QUESTIONS=${MAX_QUESTIONS:-}             # a random sample of so many; empty: all questions

# The model, as it was trained: the protocol's values.
DO_LOWER_CASE=${DO_LOWER_CASE:-False}        # True for uncased BERT only
VERSION_2=${VERSION_2:-False}                # True for SQuAD 2.0
MAX_SEQ_LENGTH=${MAX_SEQ_LENGTH:-512}
DOC_STRIDE=${DOC_STRIDE:-128}
SEED=${SEED:-}                               # if it was set for training: the same
ZONES_FILE=${ZONES_FILE:-}                   # zones of your own: see docs/zones.md
# Changes no answer, only memory and speed. Empty: 32 on a TPU, else run_squad.py's own.
PREDICT_BATCH_SIZE=${PREDICT_BATCH_SIZE:-}

# sh may be another shell.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
# shellcheck source=scripts/drivers.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/drivers.sh"

decode "${data_set:-squad}" "$@"
