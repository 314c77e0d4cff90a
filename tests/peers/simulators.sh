#!/bin/sh
# Installs the simulators that the benchmarks `simulate --peers` compares with: stockpyl and SimPy from PyPI, into a
# virtual environment in the folder named, and prints the path of its Python.
#
#   tests/peers/simulators.sh [FOLDER]      FOLDER: else $XDG_CACHE_HOME/portolan-peers/simulators
set -eu
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/portolan-peers/simulators}
if ! "$folder/bin/python" -c 'import simpy, stockpyl' 2>/dev/null; then
    mkdir -p "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet stockpyl==1.0.2 simpy==4.1.2 >&2
fi
echo "$folder/bin/python"
