#!/bin/sh
# Pins every dependency of the workspace with hashes. No index address is written: installers use the user's own.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
ours="xr-ai-launcher xr-ai-program xr-ai-agent xr-ai-client xr-media-hub xr-ai-services xr-render-demo"
compile() { "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header "$@"; }
skip=""
for name in $ours; do skip="$skip --no-emit-package $name"; done
extras=""
for name in gpu tui embedded voice tools models http mcp record; do extras="$extras --extra $name"; done
# shellcheck disable=SC2086  # the lists are meant to be split
compile $skip $extras --group dev pyproject.toml */pyproject.toml agent-samples/*/pyproject.toml -o requirements/lock.txt "$@" > /dev/null
compile requirements/bootstrap.in -o requirements/bootstrap.txt "$@" > /dev/null
