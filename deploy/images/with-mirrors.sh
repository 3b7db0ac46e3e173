#!/bin/sh
# Runs a command of the build with the package mirrors of the machine that builds: they come as secrets of the build
# (deploy/images/build.sh), so that no layer and no history of the image keeps their names or passwords.
set -eu
if [ -f /run/secrets/mirrors ]; then
    set -a
    . /run/secrets/mirrors
    set +a
fi
if [ -f /run/secrets/ca ]; then
    export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca NODE_EXTRA_CA_CERTS=/run/secrets/ca
fi
exec "$@"
