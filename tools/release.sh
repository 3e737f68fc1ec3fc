#!/usr/bin/env bash
# A release in dist/: an archive for each system, the SBOM, checksums. What is built depends on the source, the version and the Go toolchain
# alone: two people who build one commit get the same archives, byte for byte (tools/reproduce.sh does it twice and compares).
#
#     VERSION=v1.0.0 COMMIT=$(git rev-parse HEAD) bash tools/release.sh [OS/ARCH …]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${VERSION:?the version, such as v1.0.0}" "${COMMIT:=}"
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64)

export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false -tags=nomsgpack"
stamp="-s -w -X github.com/sidelock/sidelock/cli.stampedVersion=$VERSION -X github.com/sidelock/sidelock/cli.stampedCommit=$COMMIT"
when=$(git log -1 --format=%ct 2>/dev/null || echo 0) # of everything in the archives

rm -rf dist
mkdir -p dist/beside
go run ./internal/manual dist/beside "$VERSION"
cp README.md CHANGELOG.md LICENSE dist/beside/

for target in "${targets[@]}"; do
  os=${target%/*} arch=${target#*/}
  name=sidelock_${VERSION#v}_${os}_${arch}
  program=sidelock
  [ "$os" = windows ] && program=sidelock.exe
  mkdir "dist/$name"
  cp dist/beside/* "dist/$name/"
  GOOS=$os GOARCH=$arch go build -ldflags "$stamp" -o "dist/$name/$program" .
  tar -C dist --sort=name --mtime="@$when" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - "$name" | gzip -n9 > "dist/$name.tar.gz"
  rm -r "dist/$name"
  echo "$name.tar.gz"
done

go tool -modfile=tools/go.mod cyclonedx-gomod app -json -licenses=false -noserial -output "dist/sidelock_${VERSION#v}.cdx.json" -main . .
rm -r dist/beside
(cd dist && sha256sum -- * > SHA256SUMS)
cat dist/SHA256SUMS
