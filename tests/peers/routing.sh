#!/bin/sh
# Installs the solvers that the benchmark `routes --peers` compares with: PyVRP, OR-Tools, VROOM and HGS-CVRP from
# PyPI, into a virtual environment in the folder named, and prints the path of its Python.
#
#   tests/peers/routing.sh [FOLDER]      FOLDER: else $XDG_CACHE_HOME/portolan-peers/routing
set -eu
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/portolan-peers/routing}
if ! "$folder/bin/python" -c 'import pyvrp, ortools, vroom, hygese' 2>/dev/null; then
    mkdir -p "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet pyvrp==0.14.1 ortools==9.15.6755 pyvroom==1.15.2 hygese==0.1.0 >&2
fi
echo "$folder/bin/python"
