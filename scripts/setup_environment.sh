#!/usr/bin/env bash
# Makes the Python environment that everything here runs in, unless it is there already.
#
#     bash scripts/setup_environment.sh         .venv: the protocol's Python 3.7 with TensorFlow 1.15.3;
#                                               where there is none, the newest Python that will do
#     bash scripts/setup_environment.sh 1.15    .venv-1.15: Python 3.7 with TensorFlow 1.15.3
#     bash scripts/setup_environment.sh 2.15    .venv-tf2: Python 3.9-3.11 with TensorFlow 2.15
#     bash scripts/setup_environment.sh 2.21    .venv-2.21: Python 3.12-3.13 with TensorFlow 2.21
#     bash scripts/setup_environment.sh --which [RUNTIME]         only says which Python it would take
#     bash scripts/setup_environment.sh --environment [RUNTIME]   only says which folder it is
#
# 1.15 is .venv itself where that has TensorFlow 1.15, and so on. tf2 is another name of 2.15.
#
# make demo, make test and make lint call it. PYTHON=/path/to/python decides the interpreter.
# The versions are in requirements.txt. Nothing is installed outside the environment's directory.

set -euo pipefail

# The Pythons that each TensorFlow of requirements.txt has packages for, the best first.
PYTHONS_1_15="3.7"
PYTHONS_2_15="3.11 3.10 3.9"
PYTHONS_2_21="3.13 3.12"
ALL_PYTHONS="$PYTHONS_1_15 $PYTHONS_2_21 $PYTHONS_2_15"
# The pips that come with old Pythons neither know today's wheels nor resolve versions. This one
# runs on every Python above.
PIP="pip==24.0"
# Written last: an environment without it was never finished. Its content is requirements.txt.
STAMP="installed-requirements.txt"
ABOUT="about.txt"
LOG="setup.log"

say() { printf '%s\n' "$*"; }

fail() { # fail STATUS MESSAGE
    printf 'setup_environment.sh: %s\n' "$2" >&2
    exit "$1"
}

# Which interpreter -----------------------------------------------------------------------------

# Version, machine, bits, whether in a virtual environment, and the installation it belongs to;
# then fails if it cannot make virtual environments.
PROBE='
import platform, sys
base = getattr(sys, "base_prefix", sys.prefix)
print("%d.%d.%d %s %d %s %s" % (sys.version_info[:3] + (
    platform.machine(), 64 if sys.maxsize > 2**32 else 32, base != sys.prefix, base)))
sys.stdout.flush()
import ensurepip, venv
'

# judge PYTHON VERSIONS: whether it really starts, is one of these versions, and can do the work.
# Sets TAKEN (the command), FULL_VERSION, IDENTITY; or REASON, why not.
judge() {
    local answer status=0 machine bits in_venv base minor
    answer=$("$1" -c "$PROBE" 2>/dev/null </dev/null) || status=$?
    read -r FULL_VERSION machine bits in_venv base <<<"$answer"
    IDENTITY="$FULL_VERSION $base"
    TAKEN=$1
    REASON="does not start"
    case $FULL_VERSION in [0-9]*.[0-9]*.[0-9]*) ;; *) return 1 ;; esac
    minor=${FULL_VERSION%.*}
    REASON="is Python $FULL_VERSION"
    case " $2 " in *" $minor "*) ;; *) return 1 ;; esac
    REASON="is a 32-bit Python, for which there is no TensorFlow"
    [ "$bits" = 64 ] || return 1
    REASON="is for $machine, where TensorFlow 1.15.3 cannot be installed"
    case $minor-$machine in
        3.7-x86_64 | 3.7-AMD64 | 3.7-amd64) ;;
        3.7-*) return 1 ;;
    esac
    REASON="cannot make virtual environments (on Debian and Ubuntu: apt install python$minor-venv)"
    [ "$status" = 0 ] || return 1
    # An activated environment may be the very one that is about to be made anew.
    if [ "$in_venv" = True ] && [ -x "$base/bin/python$minor" ]; then
        TAKEN="$base/bin/python$minor"
    fi
}

# candidates MINOR: lines "where found|command", in the order to be tried.
candidates() {
    local name path directory
    for name in "python$1" python3 python; do
        { type -aP "$name" || true; } | while read -r path; do echo "on PATH|$path"; done
    done
    for directory in "${PYENV_ROOT:-$HOME/.pyenv}"/versions "$HOME"/.pyenv/versions; do
        for path in "$directory/$1"/bin/python "$directory/$1".*/bin/python; do
            echo "in pyenv's versions|$path"
        done
    done
    conda_environments | while read -r directory; do
        echo "in a conda environment|$directory/bin/python"
    done
}

# The directories of all conda environments that can be found without starting conda.
conda_environments() {
    local home directory
    if [ -n "${CONDA_PREFIX:-}" ]; then echo "$CONDA_PREFIX"; fi
    if [ -r "$HOME/.conda/environments.txt" ]; then cat "$HOME/.conda/environments.txt"; fi
    for home in "$HOME"/{miniconda,anaconda,miniforge,mambaforge}{3,} /opt/{,mini,ana}conda{3,}; do
        for directory in "$home" "$home"/envs/*; do
            if [ -d "$directory" ]; then echo "$directory"; fi
        done
    done
}

# search VERSIONS: looks for the first candidate that will do. Sets FOUND and all that judge sets;
# PASSED_OVER grows by those that a user might have expected to be taken.
search() {
    local minor path
    for minor in $1; do
        while IFS='|' read -r FOUND path; do
            [ -x "$path" ] || continue
            if judge "$path" "$minor"; then return 0; fi
            case $REASON in
                "is Python "*) ;;
                "does not start") case $path in *"$minor"*) pass_over "$path" ;; esac ;;
                *) pass_over "$path" ;;
            esac
        done < <(candidates "$minor")
    done
    return 1
}

pass_over() { # pass_over COMMAND: notes it, once, with REASON
    case $PASSED_OVER in *"    $1 $REASON"*) return ;; esac
    PASSED_OVER="$PASSED_OVER"$'\n'"    $1 $REASON"
}

# Sets TAKEN, FULL_VERSION, IDENTITY and WHY, or explains what to do and exits.
choose_interpreter() {
    PASSED_OVER=""
    if [ -n "${PYTHON:-}" ]; then
        judge "$PYTHON" "$PYTHONS" ||
            fail 2 "PYTHON=$PYTHON $REASON; name one of Python $(listed "$PYTHONS"), or unset PYTHON"
        WHY="PYTHON names it"
    elif search "$PYTHONS"; then
        WHY="found $FOUND"
        case $RUNTIME-$FULL_VERSION in
            default-3.7.*) WHY="the protocol's Python, $WHY" ;;
            default-*) WHY="no Python 3.7 will do here; this one was $WHY" ;;
        esac
    else
        explain_none "$PYTHONS"
    fi
}

listed() { # "3.7 3.11 3.10 3.9" -> "3.7, 3.11, 3.10, 3.9"
    say "${1// /, }"
}

explain_none() { # explain_none VERSIONS
    {
        say "setup_environment.sh: found no Python that will do: $(listed "$1")."
        if [ -n "$PASSED_OVER" ]; then say "  Passed over:$PASSED_OVER"; fi
        say "  Get one in any of these ways, then give the same command again:"
        say "    pyenv:    pyenv install 3.7.16         (or 3.11.7; on arm64 machines only 3.9-3.11)"
        say "    conda:    conda create -n zones python=3.7         (or python=3.11)"
        say "    system:   apt install python3.11 python3.11-venv;  dnf install python3.11;"
        say "              brew install python@3.11;  or an installer from python.org"
        say "  If there is one that was not found: PYTHON=/path/to/python make test"
    } >&2
    exit 2
}

tensorflow_of() { # tensorflow_of 3.7.16 -> TensorFlow 1.15.3
    case $1 in
        3.7.*) say "TensorFlow 1.15.3" ;;
        3.9.* | 3.10.* | 3.11.*) say "TensorFlow 2.15" ;;
        *) say "TensorFlow 2.21" ;;
    esac
}

describe() { say "Python $FULL_VERSION with $(tensorflow_of "$FULL_VERSION"), $TAKEN ($WHY)"; }

# The environment -------------------------------------------------------------------------------

# Sets STATE: ready; missing; unfinished; outdated; broken; other (PYTHON names another one now).
look_at_environment() {
    STATE=missing
    [ -n "$(ls -A "$ENVIRONMENT" 2>/dev/null)" ] || return 0
    [ -e "$ENVIRONMENT/$LOG" ] ||
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
    : >"$ENVIRONMENT/$LOG"
    logged "$TAKEN" -m venv "$ENVIRONMENT"
    echo "*" >"$ENVIRONMENT/.gitignore"
    describe >"$ENVIRONMENT/$ABOUT"
    logged "$ENVIRONMENT/bin/python" -m pip install "$PIP"
}

install_requirements() {
    say "  Installing requirements.txt: some minutes the first time, up to 2 GB on disk."
    say "  What pip says goes to $ENVIRONMENT/$LOG"
    logged "$ENVIRONMENT/bin/python" -m pip install -r requirements.txt
    logged "$ENVIRONMENT/bin/python" -c "import tensorflow"
    cp requirements.txt "$ENVIRONMENT/.$STAMP"
    mv "$ENVIRONMENT/.$STAMP" "$ENVIRONMENT/$STAMP"
}

logged() { # logged COMMAND...: its output goes to the log; where it fails, so does the set-up
    local status=0
    printf '\n+ %s\n' "$*" >>"$ENVIRONMENT/$LOG"
    "$@" >>"$ENVIRONMENT/$LOG" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] || give_up "$status" "$*"
}

give_up() { # give_up STATUS COMMAND
    {
        say "  Failed with status $1: $2"
        say "  The end of $ENVIRONMENT/$LOG:"
        tail -n 15 "$ENVIRONMENT/$LOG" | sed 's/^/  | /'
    } >&2
    fail 1 "$(hint)"
}

hint() { # what to do, judged by what the log's last command said
    local log
    log=$(awk '/^\+ / { text = "" } { text = text "\n" $0 } END { print text }' "$ENVIRONMENT/$LOG")
    case $log in
        *"No space left"*)
            say "the disk is full; make room (2 GB), or let $ENVIRONMENT be a link to a larger disk" ;;
        *"Permission denied"* | *"Errno 13"*)
            say "no permission to write; put this folder where you may write, and do not use sudo" ;;
        *"Connection"* | *"onnection error"* | *"imed out"* | *"ProxyError"* | *"SSLError"* | \
            *"name resolution"* | *"nreachable"* | *"CERTIFICATE"*)
            say "pip could not reach its package index; check the network, then give the same command" \
                "again. Behind a proxy set HTTPS_PROXY, for a mirror PIP_INDEX_URL" ;;
        *"No matching distribution"*)
            say "pip's index has no package for this interpreter and machine; try another PYTHON" ;;
        *"import tensorflow"*)
            say "TensorFlow was installed but does not start; try another PYTHON (status 132: this" \
                "processor lacks the AVX instructions that its wheels use)" ;;
        *) say "the set-up failed; the same command starts it again" ;;
    esac
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
    trap 'rm -rf "$LOCK"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

set_up() {
    take_turn
    look_at_environment # again: whoever was at it may have finished it
    [ "$STATE" != ready ] || return 0
    # What pip would otherwise take from the user's own settings, to install elsewhere.
    unset PYTHONHOME PYTHONPATH
    export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
    export PIP_RETRIES="${PIP_RETRIES:-10}" PIP_DEFAULT_TIMEOUT="${PIP_DEFAULT_TIMEOUT:-60}"
    case $STATE in
        outdated)
            say "Set-up: requirements.txt has changed; bringing $ENVIRONMENT up to date."
            rm "$ENVIRONMENT/$STAMP"
            ;;
        *)
            choose_interpreter
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
    if grep -qs "with TensorFlow $RUNTIME[., ]" .venv/$ABOUT; then ENVIRONMENT=.venv; fi
}

main() {
    local only=""
    case ${1:-} in
        --which | --environment) only=$1; shift ;;
        -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    esac
    # A relative PYTHON is meant from where the user stands.
    case ${PYTHON:-} in /*) ;; */*) PYTHON=$PWD/$PYTHON ;; esac
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    choose_runtime "${1:-default}"
    LOCK=$ENVIRONMENT.lock
    if [ "$only" = --environment ]; then
        say "$ENVIRONMENT"
        exit 0
    elif [ "$only" = --which ]; then
        choose_interpreter
        say "$(describe)"
        if [ -n "$PASSED_OVER" ]; then say "Passed over:$PASSED_OVER"; fi
        exit 0
    fi
    look_at_environment
    if [ "$STATE" != ready ]; then set_up; fi
    say "$ENVIRONMENT: $(cat "$ENVIRONMENT/$ABOUT")"
}

main "$@"
