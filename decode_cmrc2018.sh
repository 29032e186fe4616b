#!/usr/bin/env bash
# Answers the development questions with attention zones masked: every layer, one file for each.
# It is decode_squad.sh with the values below in the place of its own.
#
#     bash decode_cmrc2018.sh               every zone of the map, and nothing masked
#     bash decode_cmrc2018.sh q2            the zone q2 only; several may be named
#     bash decode_cmrc2018.sh q2 -- --write_nbest=True
#
# The zones are those of zones/masks.py. What stands behind -- is passed on to run_squad.py.
# Stopped and started again, it goes on where it was; what is finished is not done again.
# Edit the variables below, or set them in the environment: as for train_cmrc2018.sh.

BERT_DIR=${BERT_DIR:-}                       # empty: bert/chinese_L-12_H-768_A-12
MODEL_OUTPUT_DIR=${MODEL_OUTPUT_DIR:-}       # the trained reader; empty: output/cmrc2018
PREDICTION_DIR=${PREDICTION_DIR:-}           # where the answers go; empty: prediction_cmrc2018
CMRC_DIR=${CMRC_DIR:-}                       # empty: cmrc2018
PREDICT_FILE=${PREDICT_FILE:-}               # empty: cmrc2018_dev.json in CMRC_DIR
DO_LOWER_CASE=${DO_LOWER_CASE:-True}         # as Chinese BERT was trained

data_set=cmrc2018
. "$(dirname "$0")/decode_squad.sh"
