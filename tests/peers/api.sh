#!/bin/sh
# Installs what the stories of the HTTP interface are checked with into the folder named, and prints the path of its
# Python. From PyPI, in a virtual environment: a validator of OpenAPI, a fuzzer, a generator of clients with the type
# checker for what it makes, and the library that receivers of webhooks verify signatures with. From npm: a second
# validator.
#
#   tests/peers/api.sh [FOLDER]      FOLDER: else $XDG_CACHE_HOME/portolan-peers/api
set -eu
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/portolan-peers/api}
if ! [ -e "$folder/installed-2" ]; then
    mkdir -p "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check \
        openapi-spec-validator==0.9.0 schemathesis==4.32.5 openapi-python-client==0.29.1 mypy==2.4.1 \
        standardwebhooks==1.1.0 >&2
    npm install --prefix "$folder/node" --no-audit --no-fund --loglevel=error @redocly/cli@2.77.0 >&2
    ln -sf ../node/node_modules/.bin/redocly "$folder/bin/redocly"
    touch "$folder/installed-2"
fi
echo "$folder/bin/python"
