# shellcheck shell=bash
# Which Python the set-up takes. setup_environment.sh reads this file.

# The Pythons that each TensorFlow of requirements.txt has packages for, the best first.
PYTHONS_1_15="3.7"
PYTHONS_2_15="3.11 3.10 3.9"
PYTHONS_2_21="3.13 3.12"
ALL_PYTHONS="$PYTHONS_1_15 $PYTHONS_2_21 $PYTHONS_2_15"

runtime_of() { # runtime_of 3.12 -> 2.21; nothing where no TensorFlow here has packages for it
    case $1 in
        3.7) say 1.15 ;;
        3.9 | 3.10 | 3.11) say 2.15 ;;
        3.12 | 3.13) say 2.21 ;;
    esac
}

# Version, machine, system, bits, kind, whether in a virtual environment, and the installation it
# belongs to; then fails if it cannot make virtual environments.
PROBE='
import platform, sys
base = getattr(sys, "base_prefix", sys.prefix)
kind = platform.python_implementation()
if "t" in getattr(sys, "abiflags", ""):
    kind = "free-threaded"
print("%d.%d.%d %s %s %d %s %s %s" % (sys.version_info[:3] + (platform.machine(), sys.platform,
    64 if sys.maxsize > 2**32 else 32, kind, base != sys.prefix, base)))
sys.stdout.flush()
import ensurepip, venv
'

# judge PYTHON VERSIONS: whether it really starts, is one of these versions, and can do the work.
# Sets TAKEN (the command), FULL_VERSION, IDENTITY; or REASON, why not.
judge() {
    local answer status=0 machine system bits kind in_venv base minor
    answer=$("$1" -c "$PROBE" 2>/dev/null </dev/null) || status=$?
    read -r FULL_VERSION machine system bits kind in_venv base <<<"$answer"
    IDENTITY="$FULL_VERSION $base"
    TAKEN=$1
    REASON="does not start"
    case $FULL_VERSION in [0-9]*.[0-9]*.[0-9]*) ;; *) return 1 ;; esac
    minor=${FULL_VERSION%.*}
    REASON="is Python $FULL_VERSION: $(why_not "$minor")"
    case " $2 " in *" $minor "*) ;; *) return 1 ;; esac
    REASON="is a 32-bit Python, for which there is no TensorFlow"
    [ "$bits" = 64 ] || return 1
    REASON="is a $kind Python, for which there is no TensorFlow"
    [ "$kind" = CPython ] || return 1
    REASON="is for $machine${system:+ ($system)}, where TensorFlow $(runtime_of "$minor") cannot be installed"
    case $minor-$system-$machine in
        3.7-*-x86_64 | 3.7-*-AMD64 | 3.7-*-amd64) ;;
        3.7-* | 3.1[23]-darwin-x86_64) return 1 ;;
        *-x86_64 | *-AMD64 | *-amd64 | *-arm64 | *-aarch64) ;;
        *) return 1 ;;
    esac
    REASON="cannot make virtual environments (on Debian and Ubuntu: apt install python$minor-venv)"
    [ "$status" = 0 ] || return 1
    # An activated environment may be the very one that is about to be made anew.
    if [ "$in_venv" = True ] && [ -x "$base/bin/python$minor" ]; then
        TAKEN="$base/bin/python$minor"
    fi
}

why_not() { # why_not MINOR: why a Python of that version is not what is looked for
    local runtime
    runtime=$(runtime_of "$1")
    if [ -n "$runtime" ]; then
        say "it is for TensorFlow $runtime (RUNTIME=$runtime)"
    else
        case $1 in
            3.8) say "too new for TensorFlow 1.15, too old for 2.15" ;;
            2.* | 3.[0-6]) say "too old" ;;
            *) say "TensorFlow has no package for it yet" ;;
        esac
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
    for path in "$FETCHED"/versions/*/bin/"python$1"; do
        echo "in $FETCHED, fetched before|$PWD/$path"
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
                # Its turn comes, or came.
                "is Python "*) case " $1 " in *" ${FULL_VERSION%.*} "*) continue ;; esac ;;
                "does not start") case $path in *"$minor"*) ;; *) continue ;; esac ;;
            esac
            pass_over "$path"
        done < <(candidates "$minor")
    done
    return 1
}

pass_over() { # pass_over COMMAND: notes it with REASON, each installation once
    local key="$IDENTITY $REASON"
    if [ "$REASON" = "does not start" ]; then key=$1; fi
    case $PASSED_OVER_KEYS in *"|$key|"*) return ;; esac
    PASSED_OVER_KEYS="$PASSED_OVER_KEYS|$key|"
    PASSED_OVER="$PASSED_OVER"$'\n'"    $1 $REASON"
}

# Where nothing will do: names the Pythons of other versions that are here.
pass_over_the_rest() {
    local directory path newline=$'\n'
    while read -r directory; do
        for path in "$directory"/python3.[0-9] "$directory"/python3.[0-9][0-9]; do
            if [ ! -x "$path" ] || judge "$path" "" || [ "$REASON" = "does not start" ]; then
                continue
            fi
            case " $PYTHONS " in *" ${FULL_VERSION%.*} "*) ;; *) pass_over "$path" ;; esac
        done
    done <<<"${PATH//:/$newline}$newline$(printf '%s\n' "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin)"
}

# Sets TAKEN, FULL_VERSION, IDENTITY and WHY. Fails where no Python will do.
choose_interpreter() {
    PASSED_OVER="" PASSED_OVER_KEYS=""
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
        return 1
    fi
}

listed() { # listed "3.7 3.13 3.12" -> 3.7, 3.13 or 3.12
    local all=${1// /, }
    case $all in *,*) say "${all%, *} or ${all##*, }" ;; *) say "$all" ;; esac
}

explain_none() { # says what was found and what to do, and ends
    local best package
    refuse_what_no_machine_like_this_can_have
    best=$(best_here)
    pass_over_the_rest
    {
        if [ -n "$PASSED_OVER" ]; then say "Passed over:$PASSED_OVER"; fi
        say "Each of these gets a Python; then give the same command again ($COMMAND):"
        say "    conda create -y -n zones python=$best"
        package=$(package_of_apt)
        if [ -n "$package" ]; then say "    sudo apt-get install -y $package"; fi
        if type -P dnf >/dev/null; then say "    sudo dnf install -y python$best"; fi
        if type -P brew >/dev/null; then say "    brew install python@$best"; fi
        if type -P pyenv >/dev/null; then say "    pyenv install $best"; fi
        if [ "$RUNTIME" != 1.15 ] && ! can_be_fetched; then
            say "    sudo apt-get install -y python3-pip, or pip or uv in another way; then $COMMAND" \
                "FETCH_PYTHON=1"
        fi
        say "If there is one that was not found: $COMMAND PYTHON=/path/to/python"
    } >&2
    if can_be_fetched; then
        fail 2 "found no Python $(listed "$PYTHONS"); to fetch one into $FETCHED in this folder, and" \
            "change nothing elsewhere: $COMMAND FETCH_PYTHON=1"
    fi
    fail 2 "found no Python $(listed "$PYTHONS"); above stand the ways to get one"
}

refuse_what_no_machine_like_this_can_have() {
    case $RUNTIME-$(uname -sm) in
        1.15-*" x86_64") ;;
        1.15-*) fail 2 "there is no TensorFlow 1.15 for $(uname -m), only for x86-64; take RUNTIME=2.21" ;;
        "2.21-Darwin x86_64") fail 2 "there is no TensorFlow 2.21 for Intel Macs; take RUNTIME=2.15" ;;
    esac
}

best_here() { # the Python to get, where there is none
    case $RUNTIME-$(uname -sm) in
        1.15-*) say "${PYTHONS_1_15%% *}" ;;
        2.15-* | "default-Darwin x86_64") say "${PYTHONS_2_15%% *}" ;;
        *) say "${PYTHONS_2_21%% *}" ;;
    esac
}

# The first of the packages that will do which this system's own lists have, if any.
package_of_apt() {
    local minor known
    type -P apt-cache >/dev/null || return 0
    known=$(apt-cache search --names-only '^python3\.[0-9]+-venv$' 2>/dev/null </dev/null) || return 0
    for minor in $PYTHONS; do
        case $known in *"python$minor-venv "*) say "python$minor-venv"; return ;; esac
    done
}
