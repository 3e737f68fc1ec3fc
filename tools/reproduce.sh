#!/usr/bin/env bash
# Builds a release twice, the second time from a copy of the source in another directory, and compares the archives.
#
#     VERSION=v1.0.0 bash tools/reproduce.sh linux/amd64
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export VERSION=${VERSION:-v0.0.0} COMMIT
COMMIT=$(git rev-parse HEAD)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git clone -q . "$copy/elsewhere"
bash tools/release.sh "$@" > /dev/null
(cd "$copy/elsewhere" && bash tools/release.sh "$@" > /dev/null)
for archive in dist/*.tar.gz; do
  cmp "$archive" "$copy/elsewhere/$archive"
  echo "$archive is the same, built elsewhere"
done
