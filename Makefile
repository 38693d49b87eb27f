# `make` lists what can be done. Every target works from a clean clone.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go
# The tools are pinned: buf and the protoc plugins in tools/go.mod, golangci-lint
# here, because its dependencies and buf's do not get on in one module.
export BUF ?= $(GO) tool -modfile=tools/go.mod buf
GOLANGCI_VERSION := 2.15.0
GOLANGCI ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)
# One that is installed saves three minutes, where it is the same version.
installed := $(firstword $(wildcard $(shell command -v golangci-lint) $(shell $(GO) env GOPATH)/bin/golangci-lint))
ifneq ($(installed),)
ifneq ($(findstring version $(GOLANGCI_VERSION) ,$(shell $(installed) version)),)
GOLANGCI := $(installed)
endif
endif

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# Ten minutes, Go's own limit for a package, are too few for the race detector on a
# busy machine.
TESTFLAGS ?= -race -timeout 30m

.PHONY: help demo build test lint generate verify bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## a living copy of a made-up organisation of 5000 people, with commands to try
	@bin/mirror demo || [ $$? = 130 ] # Ctrl-C is how it ends

build: ## bin/mirror and bin/backfill
	$(GO) build -ldflags '-X main.version=$(VERSION)' -o bin/ ./cmd/mirror ./cmd/backfill

test: ## all tests, on a PostgreSQL that the tests start themselves
	$(GO) test $(TESTFLAGS) ./...
	$(GO) -C tools/deploycheck test -count=1 ./... # the cache does not see that files of another module changed

lint: ## golangci-lint (formatting included) and buf lint
	$(GOLANGCI) run ./...
	$(BUF) lint

generate: ## Go and OpenAPI from the .proto files, the tables of the READMEs, and the data dictionary
	$(BUF) format -w
	$(BUF) generate
	$(GO) test ./cmd/internal/readme -update
	$(GO) test ./cmd/internal/app -run '^TestMetrics$$' -update
	$(GO) test ./internal/postgres -run '^TestDictionary$$' -update

verify: generate ## what is generated is what is committed, the API breaks nobody, the modules are tidy, migrations go up and down
	@changed="$$(git status --porcelain -- proto docs README.md deploy/README.md)"; if [ -n "$$changed" ]; then \
		echo 'generated files differ from what is committed: run make generate, and commit'; echo "$$changed"; git --no-pager diff -- proto docs README.md deploy/README.md; exit 1; fi
	$(BUF) breaking --against proto/baseline.binpb
	$(GO) mod tidy -diff
	$(GO) -C tools/deploycheck mod tidy -diff
	$(GO) test -count=1 -run Migrat ./internal/postgres/...

bench: ## benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...
