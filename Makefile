# Everything a developer needs: `make test` before a commit, `make lint` as CI does.

# The compiler writes no information for debuggers into the linter. The standard library comes from the cache as it is.
GOLANGCI := -gcflags=all=-dwarf=false -gcflags=std= -ldflags=-w github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Tools with dependencies of their own are modules of their own.
MODULES := daemon/soak daemon/bench daemon/otel examples/river

.PHONY: test test-postgres race lint fmt build screenshots

# NEEDS=no installs nothing: the tests whose programs are missing are skipped then, and fail otherwise.
ifneq ($(NEEDS),no)
export KEYSEAT_REQUIRE_POSTGRES := 1
endif

# The tests, with a real PostgreSQL. The programs that they run are installed where they are missing. The black-box tests
# measure times, so their packages run alone, one after another. "make lint" runs go vet.
test:
	@.ci/needs $(NEEDS)
	go test -vet=off -timeout 20m $$(go list ./... | grep -v /daemon/blackbox)
	go test -vet=off -timeout 20m -p 1 ./daemon/blackbox/...
	@for m in $(MODULES); do go -C $$m test ./... || exit 1; done

# The same with the race detector, which needs a C compiler.
race:
	@.ci/needs $(NEEDS)
	go test -race -timeout 40m $$(go list ./... | grep -v /daemon/blackbox)
	go test -race -timeout 40m -p 1 ./daemon/blackbox/...

# The store and a few black-box tests on other versions of PostgreSQL: make test-postgres VERSIONS="14 18"
VERSIONS := 14 15 16 17 18
test-postgres:
	@.ci/postgres $(VERSIONS)

# The linters read all modules at once, in a workspace, so that they read what these share once.
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

# The pictures of the README: the console and the page of the demo.
screenshots:
	@folder=$$(mktemp -d) && go test -count=1 -run '^TestDemo$$' -artifacts -outputdir "$$folder" ./daemon/blackbox/operator && \
	mkdir -p daemon/docs/images && cp "$$(find "$$folder" -name console-desktop.png)" daemon/docs/images/console.png && \
	cp "$$(find "$$folder" -name page-phone.png)" daemon/docs/images/page.png; status=$$?; rm -r "$$folder"; exit $$status
