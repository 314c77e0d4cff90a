#!/bin/sh
# Installs the forecaster that the benchmark `forecast --peers` compares with: statsforecast from PyPI, into a
# virtual environment in the folder named, and prints the path of its Python.
#
#   tests/peers/forecasters.sh [FOLDER]      FOLDER: else $XDG_CACHE_HOME/portolan-peers/forecasters
set -eu
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/portolan-peers/forecasters}
if ! "$folder/bin/python" -c 'import statsforecast' 2>/dev/null; then
    mkdir -p "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet statsforecast==2.0.2 >&2
fi
echo "$folder/bin/python"
