#!/usr/bin/env bash
# Makes the Python environment that everything here runs in, unless it is there already.
#
#     bash scripts/setup_environment.sh         .venv: the protocol's Python 3.7 with TensorFlow 1.15.3;
#                                               where there is none, the newest Python that will do
#     bash scripts/setup_environment.sh 1.15    .venv-1.15: Python 3.7 with TensorFlow 1.15.3
#     bash scripts/setup_environment.sh 2.15    .venv-tf2: Python 3.9-3.11 with TensorFlow 2.15.1
#     bash scripts/setup_environment.sh 2.21    .venv-2.21: Python 3.12-3.13 with TensorFlow 2.21.0
#     bash scripts/setup_environment.sh --which [RUNTIME]         only says which Python it would take
#     bash scripts/setup_environment.sh --environment [RUNTIME]   only says which folder it is
#     bash scripts/setup_environment.sh --ray [RUNTIME]           adds Ray
#
# 1.15 is .venv itself where that has TensorFlow 1.15, and so on. tf2 is another name of 2.15.
#
# make demo, make test and make lint call it. PYTHON=/path/to/python decides the interpreter. Where
# none will do, FETCH_PYTHON=1 fetches one. The versions are in requirements.txt. Nothing is
# installed outside the environment's folder and .python.

set -euo pipefail

# The pips that come with old Pythons neither know today's wheels nor resolve versions. This one
# runs on every Python that will do.
PIP="pip==24.0"
# Written last: an environment without it was never finished. Its content is requirements.txt.
STAMP="installed-requirements.txt"
ABOUT="about.txt"
# So many seconds a package index has to answer (empty: the set-up ends in half a minute if it does
# not); so many pass between two signs of life.
PATIENCE=${PATIENCE:-}
SECONDS_BETWEEN_SIGNS=${SECONDS_BETWEEN_SIGNS:-15}

say() { printf '%s\n' "$*"; }

fail() { # fail STATUS MESSAGE...
    local status=$1
    shift
    printf 'setup_environment.sh: %s\n' "$*" >&2
    exit "$status"
}

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/interpreters.sh
. "$HERE/interpreters.sh"
# shellcheck source=scripts/fetch_python.sh
. "$HERE/fetch_python.sh"

# What may take long ----------------------------------------------------------------------------

# logged COMMAND...: its output goes to LOG; where it fails, so does the set-up. Every 15 seconds a
# line shows that it goes on. If ANSWER_BY is set, this one is ended at that many seconds since the
# set-up began, unless something was fetched by then.
logged() {
    local status=0 watcher
    printf '\n+ %s\n' "$*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 </dev/null &
    CHILD=$!
    watch_over "$CHILD" &
    watcher=$!
    wait "$CHILD" || status=$?
    CHILD="" ANSWER_BY=""
    kill "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    [ "$status" = 0 ] || give_up "$status" "$*"
}

watch_over() { # watch_over PROCESS
    local next=$(((SECONDS / SECONDS_BETWEEN_SIGNS + 1) * SECONDS_BETWEEN_SIGNS))
    while sleep 0.5 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        if [ -n "${ANSWER_BY:-}" ] && [ "$SECONDS" -ge "$ANSWER_BY" ] && ! was_answered; then
            echo "no answer: timed out" >>"$LOG"
            kill "$1" 2>/dev/null || true
            return
        fi
        if [ "$SECONDS" -ge "$next" ]; then
            # Plain ASCII, so that no character is cut in two.
            say "  $next s: $(last_command | tail -n 1 | LC_ALL=C awk '
                { gsub(/[^ -~]/, ""); sub(/^ +/, ""); print substr($0, 1, 80) }')"
            next=$((next + SECONDS_BETWEEN_SIGNS))
        fi
    done
}

last_command() { # what the log says of the last command
    awk '/^\+ / { text = "" } NF { text = text $0 "\n" } END { printf "%s", text }' "$LOG"
}

was_answered() {
    case $(last_command) in
        *Downloading* | *"Using cached"* | *Processing* | *"already satisfied"*) ;;
        *) return 1 ;;
    esac
}

give_up() { # give_up STATUS COMMAND
    local log
    log=$(last_command)
    case $log in
        *"No space left"*)
            say_end "$@"
            fail 1 "the disk is full; make room (2 GB), or let $ENVIRONMENT be a link to a larger disk" ;;
        *"Permission denied"* | *"Errno 13"*)
            say_end "$@"
            fail 1 "no permission to write; put this folder where you may write, and do not use sudo" ;;
        *"new connection"* | *"onnection error"* | *ConnectionError* | *"onnection aborted"* | \
            *"onnection refused"* | *"imed out"* | *ProxyError* | *SSLError* | *CERTIFICATE* | \
            *"name resolution"* | *nreachable* | *"not known"* | *"error sending request"*)
            fail 1 "$(asked "$2"); check the network (what was said is in $LOG), then give the same" \
                "command again: $COMMAND" ;;
        *"No matching distribution"*)
            say_end "$@"
            fail 1 "pip's index has no package for this interpreter and machine; try another PYTHON" ;;
        *"import tensorflow"*)
            say_end "$@"
            fail 1 "TensorFlow was installed but does not start; try another PYTHON (status 132: this" \
                "processor lacks the AVX instructions that its wheels use)" ;;
        *)
            say_end "$@"
            fail 1 "the set-up failed; the same command starts it again: $COMMAND" ;;
    esac
}

say_end() { # say_end STATUS COMMAND
    {
        say "  Failed with status $1: $2"
        say "  The end of $LOG:"
        tail -n 15 "$LOG" | sed 's/^/  | /'
    } >&2
}

asked() { # asked COMMAND: who did not answer it, and what helps where there is no direct way there
    case $1 in
        *"python install"*)
            say "the place from which uv fetches Pythons did not answer. Behind a proxy set" \
                "HTTPS_PROXY, for a mirror UV_PYTHON_INSTALL_MIRROR" ;;
        *)
            say "the package index did not answer. Behind a proxy set HTTPS_PROXY, for a mirror" \
                "PIP_INDEX_URL, where it is slow PATIENCE=120" ;;
    esac
}

# The environment -------------------------------------------------------------------------------

# choose_runtime NAME: sets RUNTIME, the PYTHONS that will do, and ENVIRONMENT, its folder.
choose_runtime() {
    RUNTIME=$1
    case $RUNTIME in
        default) PYTHONS=$ALL_PYTHONS ENVIRONMENT=.venv; return ;;
        1.15) PYTHONS=$PYTHONS_1_15 ENVIRONMENT=.venv-1.15 ;;
        2.15 | tf2) RUNTIME=2.15 PYTHONS=$PYTHONS_2_15 ENVIRONMENT=.venv-tf2 ;;
        2.21) PYTHONS=$PYTHONS_2_21 ENVIRONMENT=.venv-2.21 ;;
        *) fail 2 "there is no runtime '$RUNTIME'; say 1.15, 2.15 or 2.21, or nothing for the default" ;;
    esac
    # Twice the same would only cost time and disk.
    if grep -qs "with TensorFlow ${RUNTIME}[.,]" .venv/$ABOUT; then ENVIRONMENT=.venv; fi
}

tensorflow_of() { # tensorflow_of 3.7.16 -> 1.15.3
    case $(runtime_of "${1%.*}") in 1.15) say 1.15.3 ;; 2.15) say 2.15.1 ;; *) say 2.21.0 ;; esac
}

describe() { say "Python $FULL_VERSION with TensorFlow $(tensorflow_of "$FULL_VERSION"), $TAKEN ($WHY)"; }

# Sets STATE: ready; missing; unfinished; outdated; broken; other (PYTHON names another one now).
look_at_environment() {
    STATE=missing
    [ -n "$(ls -A "$ENVIRONMENT" 2>/dev/null)" ] || return 0
    [ -e "$ENVIRONMENT/setup.log" ] ||
        fail 2 "$ENVIRONMENT was not made by this script; move it away, then try again"
    STATE=unfinished
    [ -e "$ENVIRONMENT/$STAMP" ] || return 0
    STATE=broken
    judge "$ENVIRONMENT/bin/python" "$ALL_PYTHONS" || return 0
    local identity=$IDENTITY
    STATE=other
    if [ -n "${PYTHON:-}" ]; then
        choose_interpreter
        [ "$IDENTITY" = "$identity" ] || return 0
    fi
    STATE=outdated
    cmp -s requirements.txt "$ENVIRONMENT/$STAMP" || return 0
    STATE=ready
}

# Makes an empty environment with TAKEN. The directory itself stays: it may be a link to a disk
# with more room.
make_environment() {
    mkdir -p "$ENVIRONMENT"
    find "$ENVIRONMENT/" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
    : >"$LOG"
    logged "$TAKEN" -m venv "$ENVIRONMENT"
    echo "*" >"$ENVIRONMENT/.gitignore"
    describe >"$ENVIRONMENT/$ABOUT"
    # What is left of the patience, but some seconds at least.
    ANSWER_BY=${PATIENCE:-$((SECONDS + 10 > 27 ? SECONDS + 10 : 27))}
    logged "$ENVIRONMENT/bin/python" -m pip install "$PIP"
}

install_requirements() {
    say "  Installing requirements.txt: some minutes the first time, up to 2 GB on disk."
    say "  What pip says goes to $LOG"
    ANSWER_BY=$((SECONDS + ${PATIENCE:-25}))
    logged "$ENVIRONMENT/bin/python" -m pip install -r "$(needed)"
    logged "$ENVIRONMENT/bin/python" -c "import tensorflow"
    cp requirements.txt "$ENVIRONMENT/.$STAMP"
    mv "$ENVIRONMENT/.$STAMP" "$ENVIRONMENT/$STAMP"
}

# What is to be installed: requirements.txt, without TensorFlow where the right version is there
# already. A user may have put its package for GPUs in the other's place; they hold the same files.
needed() {
    local version
    version=$(tensorflow_of "$FULL_VERSION")
    if [ "$STATE" = outdated ] && "$ENVIRONMENT/bin/python" -m pip freeze 2>/dev/null </dev/null |
        grep -qE "^tensorflow(-cpu|-gpu)?==$version"; then
        sed '/^tensorflow/d' requirements.txt >"$ENVIRONMENT/needed.txt"
        say "$ENVIRONMENT/needed.txt"
    else
        say requirements.txt
    fi
}

# Two terminals may well start the first set-up at once: the second waits.
take_turn() {
    local owner told=""
    until mkdir "$LOCK" 2>/dev/null; do
        [ -d "$LOCK" ] || fail 2 "cannot write in $PWD; put this folder where you may write"
        owner=$(cat "$LOCK/pid" 2>/dev/null || true)
        # A lock without an owner is as young as the line after this loop, or was left behind.
        if [ -z "$owner" ]; then sleep 1; owner=$(cat "$LOCK/pid" 2>/dev/null || true); fi
        if [ -z "$owner" ] || ! kill -0 "$owner" 2>/dev/null; then rm -rf "$LOCK"; continue; fi
        [ -n "$told" ] || say "Set-up of $ENVIRONMENT: process $owner is at it; waiting."
        told=yes
        sleep 1
    done
    echo $$ >"$LOCK/pid"
    CHILD=""
    trap 'rm -rf "$LOCK"' EXIT
    trap 'stop 130' INT
    trap 'stop 143' TERM
}

stop() { # stop STATUS: a command in the background does not hear control-C
    if [ -n "$CHILD" ]; then kill "$CHILD" 2>/dev/null || true; fi
    fail "$1" "stopped; the same command starts it again: $COMMAND"
}

# Python 3.7 misreads its own path where that is not ASCII and the locale is not UTF-8.
choose_locale() {
    local name
    case $PWD in *[!\ -~]*) ;; *) return 0 ;; esac
    for name in "${LC_ALL:-}" C.UTF-8 C.utf8 en_US.UTF-8 en_US.utf8; do
        if [ -n "$name" ]; then export LC_ALL=$name; fi
        if [ "$(letters_in_e_acute)" = 1 ]; then return; fi
    done 2>/dev/null
    fail 2 "the path of this folder, $PWD, is not plain ASCII, and this machine has no UTF-8 locale;" \
        "move the folder to another path"
}

letters_in_e_acute() { # as this locale sees it
    local letters
    letters=$(printf '\303\251')
    say ${#letters}
}

# What pip would otherwise take from the user's own settings, to install elsewhere.
prepare_pip() {
    choose_locale
    unset PYTHONHOME PYTHONPATH
    export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PROGRESS_BAR=off
    export PIP_RETRIES="${PIP_RETRIES:-5}" PIP_DEFAULT_TIMEOUT="${PIP_DEFAULT_TIMEOUT:-30}"
}

set_up() {
    take_turn
    look_at_environment # again: whoever was at it may have finished it
    [ "$STATE" != ready ] || return 0
    prepare_pip
    case $STATE in
        outdated)
            say "Set-up: requirements.txt has changed; bringing $ENVIRONMENT up to date."
            rm "$ENVIRONMENT/$STAMP"
            ;;
        *)
            if ! choose_interpreter; then
                wants_fetching || explain_none
                fetch_python
                LOG=$ENVIRONMENT/setup.log
                choose_interpreter || explain_none
            fi
            say "Set-up: making $ENVIRONMENT$(reason_to_make)."
            say "  Taken: $(describe)"
            if [ -n "$PASSED_OVER" ]; then say "  Passed over:$PASSED_OVER"; fi
            make_environment
            ;;
    esac
    install_requirements
    say "  Done."
}

reason_to_make() {
    case $STATE in
        missing) ;;
        unfinished) say " anew (its last set-up was not finished)" ;;
        broken) say " anew (its Python no longer starts)" ;;
        other) say " anew (PYTHON names another interpreter)" ;;
    esac
}

# Both files, so that neither takes away what the other needs. pip leaves alone what is there.
add_ray() {
    take_turn
    prepare_pip
    STATE=outdated
    judge "$ENVIRONMENT/bin/python" "$ALL_PYTHONS" || fail 1 "$ENVIRONMENT/bin/python $REASON"
    say "Adding Ray to $ENVIRONMENT."
    ANSWER_BY=$((SECONDS + ${PATIENCE:-25}))
    logged "$ENVIRONMENT/bin/python" -m pip install -r "$(needed)" -r requirements-ray.txt
    say "Ray is installed."
}

main() {
    local only=""
    case ${1:-} in
        --which | --environment | --ray) only=$1; shift ;;
        -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    esac
    # A relative PYTHON is meant from where the user stands.
    case ${PYTHON:-} in /*) ;; */*) PYTHON=$PWD/$PYTHON ;; esac
    cd "$HERE/.."
    # What make was told, if it was make, to be given again.
    COMMAND=${TYPED:-bash scripts/setup_environment.sh${1:+ $1}}
    choose_runtime "${1:-default}"
    LOCK=$ENVIRONMENT.lock
    LOG=$ENVIRONMENT/setup.log
    case $only in
        --environment) say "$ENVIRONMENT"; exit 0 ;;
        --which)
            choose_interpreter || explain_none
            say "$(describe)"
            if [ -n "$PASSED_OVER" ]; then say "Passed over:$PASSED_OVER"; fi
            exit 0
            ;;
        --ray) add_ray; exit 0 ;;
    esac
    look_at_environment
    if [ "$STATE" != ready ]; then set_up; fi
    say "$ENVIRONMENT: $(cat "$ENVIRONMENT/$ABOUT")"
}

main "$@"
