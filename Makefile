# Everything a developer needs: `make test` before a commit, `make lint` as CI does.

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: test race lint fmt build

# The tests, with a real PostgreSQL: it is installed where it is missing.
test:
	@.ci/needs
	KEYSEAT_REQUIRE_POSTGRES=1 go test ./...

# The same with the race detector, which needs a C compiler.
race:
	@.ci/needs
	KEYSEAT_REQUIRE_POSTGRES=1 go test -race ./...

lint:
	go vet ./...
	go run $(STATICCHECK) ./...
	go run $(GOLANGCI) run --allow-parallel-runners ./...

fmt:
	go run $(GOLANGCI) fmt ./...

build:
	go build -trimpath -o keyseatd ./daemon/keyseatd
