#!/bin/sh
# Builds weighbridge/api and weighbridge/worker with the first of docker, podman and buildah that is here:
# `make images` (docs/images.md). From the environment: BUILDER, BASE, TAG, and OPTIONS for the builder.
set -eu
cd "$(dirname "$0")/../.."

version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' shared/version.py)
tag=${TAG:-$version}
builder=${BUILDER:-}
for candidate in docker podman buildah; do
    if [ -z "$builder" ] && command -v "$candidate" >/dev/null; then builder=$candidate; fi
done
if [ -z "$builder" ]; then
    echo "weighbridge: images are built by docker, podman or buildah, and none is here. Debian: apt-get install buildah" >&2
    exit 1
fi

# The mirrors of this machine's package managers, and the authorities that it trusts, for the build alone.
secrets=$(mktemp -d)
trap 'rm -rf "$secrets"' EXIT
trap 'exit 1' HUP INT TERM
python3 - "$secrets/mirrors" <<'PYTHON'
import os, re, shlex, sys
named = re.compile(r"(PIP|UV|npm_config)_(?!(CERT|CACHE_DIR|cache|prefix|userconfig|globalconfig|PYTHON)$)\w+")
with open(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
    file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in os.environ.items() if named.fullmatch(name))
PYTHON
set -- --secret "id=mirrors,src=$secrets/mirrors"
if [ -n "${SSL_CERT_FILE:-}" ]; then set -- "$@" --secret "id=ca,src=$SSL_CERT_FILE"; fi
if [ -n "${BASE:-}" ]; then set -- "$@" --build-arg "BASE=$BASE"; fi
# The OCI form of an image has no health check.
case $builder in
docker) build="docker build" ;;
podman) build="podman build --format docker" ;;
*) build="$builder build --format docker" ;;
esac
for image in api worker; do
    echo "Building weighbridge/$image:$tag with $builder"
    # shellcheck disable=SC2086 # lists of words
    $build ${OPTIONS:-} "$@" --file deploy/images/Dockerfile --target "$image" --tag "weighbridge/$image:$tag" .
done
