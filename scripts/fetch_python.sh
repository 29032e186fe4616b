# shellcheck shell=bash
# Where no Python will do: uv fetches one into this folder, and nowhere else. setup_environment.sh
# reads this file.

# Holds uv itself, unless it is on PATH, and the Pythons that it fetched.
FETCHED=.python
UV_PACKAGE="uv==0.13.9"

# Whether the user wants it: FETCH_PYTHON=1, or a yes on a terminal.
wants_fetching() {
    local answer=""
    case ${FETCH_PYTHON:-} in
        1 | [Yy]es | [Tt]rue) return 0 ;;
        0 | [Nn]o | [Ff]alse) return 1 ;;
        "") ;;
        *) fail 2 "FETCH_PYTHON is '$FETCH_PYTHON'; say FETCH_PYTHON=1" ;;
    esac
    [ -t 0 ] && [ -t 2 ] && can_be_fetched || return 1
    pass_over_the_rest
    if [ -n "$PASSED_OVER" ]; then say "Passed over:$PASSED_OVER" >&2; fi
    printf 'No Python here will do. Fetch one (about 150 MB) into %s in this folder? [y/N] ' \
        "$FETCHED" >&2
    read -r answer || true
    case $answer in [Yy]*) ;; *) return 1 ;; esac
}

# Whether it can be done: there is uv, or a Python of any version that can fetch it, and uv has a
# Python of the versions that are looked for (it has no 3.7).
can_be_fetched() { [ "$RUNTIME" != 1.15 ] && { find_uv || find_helper; }; }

find_uv() { # sets UV: on PATH, unless it is too old to leave the user's own folders alone
    for UV in "$FETCHED/uv/bin/uv" "$(type -P uv)"; do
        if [ -x "$UV" ]; then
            case $("$UV" python install --help 2>/dev/null </dev/null) in *--no-bin*) return 0 ;; esac
        fi
    done
    return 1
}

find_helper() { # sets HELPER: a Python that has pip, or that can make an environment with it
    local path
    while read -r path; do
        HELPER=$path
        if "$path" -c "import sys; sys.exit(sys.version_info < (3, 6))" </dev/null && {
            "$path" -m pip --version </dev/null || "$path" -c "import ensurepip, venv" </dev/null
        }; then return 0; fi
    done < <(type -aP python3 python python3.{6..20}; ls "$HOME"/.pyenv/versions/*/bin/python) \
        >/dev/null 2>&1
    return 1
}

# Leaves a Python in FETCHED that will do, or ends.
fetch_python() {
    refuse_what_no_machine_like_this_can_have
    [ "$RUNTIME" != 1.15 ] ||
        fail 2 "FETCH_PYTHON=1: there is no Python 3.7 to fetch; make one with: conda create -y -n" \
            "zones python=3.7, then give the same command again ($COMMAND)"
    mkdir -p "$FETCHED"
    echo "*" >"$FETCHED/.gitignore"
    LOG=$FETCHED/setup.log
    : >"$LOG"
    find_uv || fetch_uv
    say "Set-up: fetching a Python into $FETCHED in this folder, and nowhere else ($UV)."
    ANSWER_BY=$((SECONDS + ${PATIENCE:-9}))
    UV_CACHE_DIR=$FETCHED/cache UV_PYTHON_INSTALL_DIR=$FETCHED/versions UV_PYTHON_INSTALL_BIN=0 \
        UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-30} UV_NO_PROGRESS=1 \
        logged "$UV" python install --no-bin "$(range_here)"
}

range_here() { # what will do; uv takes the newest that it knows
    case $(best_here) in 3.11) say ">=3.9,<3.12" ;; *) say ">=3.12,<3.14" ;; esac
}

fetch_uv() {
    find_helper || fail 2 "FETCH_PYTHON=1 needs uv on PATH, or a Python of any version that has pip," \
        "to fetch uv with; get one of these, then give the same command again ($COMMAND)"
    say "Set-up: fetching uv into $FETCHED in this folder, with $HELPER."
    if ! "$HELPER" -m pip --version >/dev/null 2>&1 </dev/null; then
        logged "$HELPER" -m venv "$FETCHED/helper"
        HELPER=$FETCHED/helper/bin/python
    fi
    ANSWER_BY=$((SECONDS + ${PATIENCE:-11}))
    # Under the final name only once it is whole. pip may think that uv is not for older Pythons; it
    # runs without any.
    rm -rf "$FETCHED/uv" "$FETCHED/uv.part"
    PIP_REQUIRE_VIRTUALENV=0 logged "$HELPER" -m pip install --target "$FETCHED/uv.part" \
        --ignore-requires-python --only-binary=:all: "$UV_PACKAGE"
    mv "$FETCHED/uv.part" "$FETCHED/uv"
    UV=$FETCHED/uv/bin/uv
}
