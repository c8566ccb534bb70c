# The commands for developers. A change must pass `make test` and `make lint`.

# The linter is built without information for debuggers, which takes less time. The empty flags for std are those of the
# cached standard library.
GOLANGCI := -gcflags=all=-dwarf=false -gcflags=std= -ldflags=-w github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Tools with dependencies of their own are modules of their own.
MODULES := daemon/soak daemon/bench daemon/otel examples/river

.PHONY: test test-postgres race lint fmt build screenshots

# With NEEDS=no, nothing is installed, and tests whose programs are missing are skipped. Otherwise such tests fail.
ifneq ($(NEEDS),no)
export KEYSEAT_REQUIRE_POSTGRES := 1
endif

# Runs all tests, after missing programs were installed. The packages of the black-box tests run one after another, because
# these tests measure times. The flag -vet=off is set because "make lint" runs go vet.
test:
	@.ci/needs $(NEEDS)
	go test -vet=off -timeout 20m $$(go list ./... | grep -v /daemon/blackbox)
	go test -vet=off -timeout 20m -p 1 ./daemon/blackbox/...
	@for m in $(MODULES); do go -C $$m test ./... || exit 1; done

# Runs the tests of the main module with the race detector, which needs a C compiler.
race:
	@.ci/needs $(NEEDS)
	go test -race -timeout 40m $$(go list ./... | grep -v /daemon/blackbox)
	go test -race -timeout 40m -p 1 ./daemon/blackbox/...

# Tests the store, and runs a few black-box tests, on versions of PostgreSQL: make test-postgres VERSIONS="14 18"
VERSIONS := 14 15 16 17 18
test-postgres:
	@.ci/postgres $(VERSIONS)

# Runs the linters on all modules in one workspace, so that packages that the modules share are read once.
lint:
	@folder=$$(mktemp -d) && trap 'rm -r "$$folder"' EXIT && trap 'exit 1' INT TERM && \
	GOBIN=$$folder go install $(GOLANGCI) && export GOWORK=$$folder/go.work && go work init . $(MODULES) && \
	lint="$$folder/golangci-lint run --allow-parallel-runners" && \
	$$lint ./... $(MODULES:%=./%/...) && \
	$$lint --tests=false --enable-only gosec ./...
	@.ci/vulns

fmt:
	go run $(GOLANGCI) fmt ./...

build:
	go build -trimpath -o keyseatd ./daemon/keyseatd

# Takes the pictures of the README: the console and the page of the demo.
screenshots:
	@folder=$$(mktemp -d) && go test -count=1 -run '^TestDemo$$' -artifacts -outputdir "$$folder" ./daemon/blackbox/operator && \
	mkdir -p daemon/docs/images && cp "$$(find "$$folder" -name console-desktop.png)" daemon/docs/images/console.png && \
	cp "$$(find "$$folder" -name page-phone.png)" daemon/docs/images/page.png; status=$$?; rm -r "$$folder"; exit $$status
