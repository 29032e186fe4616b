#!/usr/bin/env bash
# Fine-tunes BERT on SQuAD, then answers the development questions with nothing masked.
#
#     GS_BUCKET=my-bucket TPU_NAME=my-tpu bash train_squad.sh      on a Cloud TPU
#     USE_TPU=False bash train_squad.sh                            on a GPU or CPU
#     USE_TPU=False bash train_squad.sh --save_checkpoints_steps=500
#
# Arguments are passed on to run_squad.py. Fetch data and BERT first: bash download_squad.sh
# Edit the variables below, or set them in the environment.

# Where it runs.
USE_TPU=${USE_TPU:-True}                     # False: a GPU if there is one, else the CPU
GS_BUCKET=${GS_BUCKET:-}                     # TPU only: your bucket, for example my-bucket
TPU_NAME=${TPU_NAME:-}                       # TPU only: its name
TPU_ZONE=${TPU_ZONE:-}                       # TPU only: for example us-central1-a
PYTHON=${PYTHON:-}                           # empty: that of make setup, else python on PATH

# Files. Empty: under this folder, or with a TPU under gs://$GS_BUCKET.
BERT_DIR=${BERT_DIR:-}                       # empty: bert/cased_L-12_H-768_A-12
MODEL_OUTPUT_DIR=${MODEL_OUTPUT_DIR:-}       # checkpoints and predictions; empty: output/squad
# The data set is always read by this machine.
SQUAD_DIR=${SQUAD_DIR:-}                     # empty: squad
TRAIN_FILE=${TRAIN_FILE:-}                   # empty: train-v1.1.json in SQUAD_DIR
PREDICT_FILE=${PREDICT_FILE:-}               # empty: dev-v1.1.json in SQUAD_DIR

# The model and its training: the protocol's values.
DO_LOWER_CASE=${DO_LOWER_CASE:-False}        # True for uncased BERT only
VERSION_2=${VERSION_2:-False}                # True for SQuAD 2.0
MAX_SEQ_LENGTH=${MAX_SEQ_LENGTH:-512}
DOC_STRIDE=${DOC_STRIDE:-128}
TRAIN_BATCH_SIZE=${TRAIN_BATCH_SIZE:-64}     # lower it where memory runs out
LEARNING_RATE=${LEARNING_RATE:-3e-5}
NUM_TRAIN_EPOCHS=${NUM_TRAIN_EPOCHS:-2}
SEED=${SEED:-}                               # empty: 12345; if set, each run has places of its own
# Changes no answer, only memory and speed. Empty: 32 on a TPU, else run_squad.py's own.
PREDICT_BATCH_SIZE=${PREDICT_BATCH_SIZE:-}

# sh may be another shell.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
# shellcheck source=scripts/drivers.sh
. "$(dirname "${BASH_SOURCE[0]}")/scripts/drivers.sh"

train "${data_set:-squad}" "$@"
