#!/usr/bin/env bash
# Fine-tunes Chinese BERT on CMRC 2018, then answers the development questions with nothing masked.
# It is train_squad.sh with the values below in the place of its own.
#
#     GS_BUCKET=my-bucket TPU_NAME=my-tpu bash train_cmrc2018.sh   on a Cloud TPU
#     USE_TPU=False bash train_cmrc2018.sh                         on a GPU or CPU
#     USE_TPU=False bash train_cmrc2018.sh --save_checkpoints_steps=500
#
# Arguments are passed on to run_squad.py. Fetch data and BERT first:
# bash download_squad.sh cmrc2018
# Edit the variables below, or set them in the environment. Any of train_squad.sh may be added.

BERT_DIR=${BERT_DIR:-}                       # empty: bert/chinese_L-12_H-768_A-12
MODEL_OUTPUT_DIR=${MODEL_OUTPUT_DIR:-}       # checkpoints and predictions; empty: output/cmrc2018
CMRC_DIR=${CMRC_DIR:-}                       # empty: cmrc2018
TRAIN_FILE=${TRAIN_FILE:-}                   # empty: cmrc2018_train.json in CMRC_DIR
PREDICT_FILE=${PREDICT_FILE:-}               # empty: cmrc2018_dev.json in CMRC_DIR
DO_LOWER_CASE=${DO_LOWER_CASE:-True}         # as Chinese BERT was trained

data_set=cmrc2018
. "$(dirname "$0")/train_squad.sh"
