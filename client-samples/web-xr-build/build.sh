#!/bin/sh
# Builds ../web-xr/vendor; installs the pinned packages first when the lock file is newer than what is there.
set -eu
cd "$(dirname "$0")"

command -v npm >/dev/null 2>&1 || {
    echo "build.sh: npm is missing; install Node.js 18 or newer (for example: apt install nodejs npm)" >&2
    exit 5
}
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund --loglevel=error
fi
exec node build.mjs "$@"
