# One static binary and nothing else: no shell, no package, no root.
#
#     docker build --build-arg VERSION=v1.0.0 --build-arg COMMIT=$(git rev-parse HEAD) -t sidelock .
#     docker run --rm sidelock                    # a group of one, to look at
#
# How to run it beside an application: deploy/compose.yaml, deploy/kubernetes, docs/kubernetes.md.

FROM golang:1.26 AS build
ARG VERSION=devel
ARG COMMIT=
WORKDIR /src
COPY . .
# nomsgpack leaves a codec out of gin that sidelock does not use, 3 MB of it.
ENV CGO_ENABLED=0 \
    GOFLAGS="-trimpath -buildvcs=false -tags=nomsgpack '-ldflags=-s -w -X github.com/sidelock/sidelock/cli.stampedVersion=${VERSION} -X github.com/sidelock/sidelock/cli.stampedCommit=${COMMIT}'"
RUN ["go", "build", "-o", "/out/sidelock", "."]
WORKDIR /data

FROM scratch
ARG VERSION=devel
ARG COMMIT=
LABEL org.opencontainers.image.title="sidelock" \
      org.opencontainers.image.description="Lock, lease and leader-election sidecar" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/sidelock/sidelock" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --from=build /out/sidelock /sidelock
# A new volume takes over whose this directory is.
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
# The API stays on loopback, for whoever shares the network namespace. 5626: peers. 5627: probes and metrics, read-only.
ENV SIDELOCK_DATA_DIR=/data \
    SIDELOCK_OPS_ADDR=:5627
EXPOSE 5626 5627
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["/sidelock", "status", "--ready", "--server", "http://127.0.0.1:5627"]
ENTRYPOINT ["/sidelock"]
CMD ["serve"]
