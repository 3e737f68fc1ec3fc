# What one does here, by name. Each target is a command that one could type as well; nothing is hidden.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
STAMP   := -X github.com/sidelock/sidelock/cli.stampedVersion=$(VERSION) -X github.com/sidelock/sidelock/cli.stampedCommit=$(COMMIT)

.PHONY: build test check lint bench image release man clean

build: ## ./sidelock, stamped
	go build -trimpath -ldflags '$(STAMP)' .

test: ## all that a change has to pass, in minutes
	go test -race ./...

check: ## what CI runs
	bash .ci/run

lint: ## what a reader would say first
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...

bench: ## a group of three on this machine, under load; docs/testing.md and bench/RESULTS.md say more
	go run ./bench

image: ## sidelock:VERSION
	docker build --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) -t sidelock:$(VERSION) .

release: ## dist/: archives for all systems, checksums, SBOM
	VERSION=$(VERSION) COMMIT=$(COMMIT) bash tools/release.sh

man: ## dist/sidelock.1, and completions for bash, zsh and fish
	mkdir -p dist && go run ./internal/manual dist $(VERSION)

clean:
	rm -rf dist sidelock
