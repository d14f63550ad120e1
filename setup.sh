#!/bin/sh
# Prepares a checkout: system packages, .venv/ with pinned dependencies, and the setup steps of the demo's stack.
# Everything is skipped when it is up to date; nothing is written outside the checkout except package caches.
#
#   ./setup.sh               what `make demo` needs
#   ./setup.sh --with-tests  what `make test` needs as well (browser, test voices)
#
# Exit codes: 0 prepared · 5 a prerequisite is missing (the command that installs it is printed)
set -eu
cd "$(dirname "$0")"

EXIT_PREREQUISITE=5
PYTHON_MIN="3.11"
NODE_MIN=18

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "setup: $*"
    exit "$EXIT_PREREQUISITE"
}

# --- one setup at a time: `make demo` and `make test` may be started side by side on a fresh clone -----------------------

mkdir -p .run
if command -v flock > /dev/null 2>&1; then
    exec 9> .run/setup.lock
    flock -n 9 || {
        say "setup: waiting for another setup of this checkout to end"
        flock 9
    }
fi

# --- system packages -------------------------------------------------------------------------------------------------

# Debian packages that are still missing, filled by `need`.
missing=""
# What to do where apt is of no use for one of them.
hint=""

need() { # need COMMAND DEBIAN-PACKAGE...
    command -v "$1" > /dev/null 2>&1 && return
    shift
    missing="$missing $*"
}

need_library() { # need_library FILE DEBIAN-PACKAGE   (FILE as in libatomic.so.1)
    for folder in /lib/*/ /usr/lib/*/ /usr/lib64/ /usr/lib/; do
        if [ -e "$folder$1" ]; then return; fi
    done
    missing="$missing $2"
}

need_browser() { # $CHROMIUM_BIN, or the first that starts: Ubuntu's chromium-browser is a script that only names a snap
    for command in ${CHROMIUM_BIN:-chromium chromium-browser google-chrome google-chrome-stable}; do
        if command -v "$command" > /dev/null 2>&1 && "$command" --version > /dev/null 2>&1; then return; fi
    done
    missing="$missing chromium"
    hint="
No browser was found that starts. Where apt has no chromium (Ubuntu has it only as a snap), install Google Chrome or the snap, or
name a browser in CHROMIUM_BIN, and run this again; what else is missing is installed then."
}

install_missing() {
    [ -n "$missing" ] || return 0
    install="apt-get install -y --no-install-recommends$missing"
    if ! command -v apt-get > /dev/null 2>&1; then
        fail "these programs are missing (Debian's package names):$missing. Install them with your system's package manager, then run this again.$hint"
    elif [ "$(id -u)" = 0 ]; then
        sudo=""
    elif ! command -v sudo > /dev/null 2>&1; then
        fail "system packages are missing; install them as root and run this again:
    su -c 'apt-get update && $install'$hint"
    elif sudo -n true 2> /dev/null; then
        sudo="sudo"
    else
        fail "system packages are missing; install them and run this again:
    sudo apt-get update && sudo $install$hint"
    fi
    say "setup: installing$missing"
    log=.run/setup-apt.log
    # The lists of a fresh machine are empty, so an update comes first (a broken source of somebody else's packages need not
    # matter); another program may hold apt's lock for a while; neither apt nor a package may wait for an answer.
    # shellcheck disable=SC2086  # the package list is meant to be split
    { $sudo apt-get update -qq || true; $sudo env DEBIAN_FRONTEND=noninteractive $install -qq -o DPkg::Lock::Timeout=120; } \
        > "$log" 2>&1 < /dev/null || {
        tail -n 5 "$log" >&2
        fail "installing system packages failed (whole output: $log). Repair apt, or install by hand:
    ${sudo:+sudo }apt-get update && ${sudo:+sudo }$install$hint"
    }
    rm -f "$log"
    missing=""
    hint=""
}

need python3 python3 python3-venv
need git git
need node nodejs
need npm npm
if [ "${1:-}" = "--with-tests" ]; then
    need_browser
    need flite flite
    need sox sox
    need ip iproute2
    need_library libatomic.so.1 libatomic1 # for the Node.js inside Playwright's wheel
fi
install_missing

python3 -c "import sys; sys.exit(sys.version_info < tuple(map(int, '$PYTHON_MIN'.split('.'))))" ||
    fail "Python $PYTHON_MIN or newer is needed, found $(python3 -V 2>&1). Install it and put it first on PATH as python3."
node -e "process.exit(Number(parseInt(process.versions.node) < $NODE_MIN))" ||
    fail "Node.js $NODE_MIN or newer is needed, found $(node -v). Install it and put it first on PATH."

# The speech recogniser's package has wheels for these; for another Python (Ubuntu 24.04 has 3.12) it is compiled.
case "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" in
    3.11 | 3.13) ;;
    *)
        need cc gcc libc6-dev
        python3 -c 'import os, sysconfig; open(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2> /dev/null ||
            missing="$missing python3-dev"
        install_missing
        ;;
esac

# --- Python environment ----------------------------------------------------------------------------------------------

projects=". program-sdk agent-sdk client-sdk server-runtime services agent-samples/xr-render-demo"
stamp=.venv/.setup-stamp

fingerprint() {
    # The place counts too: editable installs hold absolute paths, so a moved checkout is prepared anew.
    { pwd; python3 -V; for project in $projects; do cat "$project/pyproject.toml"; done; cat requirements/*.txt; } | sha256sum | cut -d ' ' -f 1
}

if [ "$(cat $stamp 2> /dev/null || true)" != "$(fingerprint)" ]; then
    say "setup: preparing .venv (first time: about a minute)"
    if ! [ -x .venv/bin/python ] || ! .venv/bin/python -c '' 2> /dev/null; then
        python3 -m venv --clear .venv 2> /dev/null || {
            missing=" python3-venv"
            install_missing
            python3 -m venv --clear .venv
        }
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
    .venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode --require-hashes -r requirements/lock.txt
    editable=""
    for project in $projects; do editable="$editable -e $project"; done
    # shellcheck disable=SC2086  # the option list is meant to be split
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation $editable
    fingerprint > $stamp
fi

# --- the demo's own setup steps: web bundle, LiveKit server ----------------------------------------------------------

exec .venv/bin/xrstack up stacks/xr_render_demo.yaml --profile embedded --setup-only
