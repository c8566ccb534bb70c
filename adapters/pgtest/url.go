package pgtest

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// Environment variables that control the tests.
const (
	EnvURL     = "KEYSEAT_TEST_POSTGRES"    // the URL of a server to use instead of a temporary one
	EnvRequire = "KEYSEAT_REQUIRE_POSTGRES" // any value: tests fail if PostgreSQL is not installed
)

// Required reports whether a test must fail, and not skip, if a program that it needs is missing. It is true if
// [EnvRequire] is set or CI is "true".
func Required() bool { return os.Getenv("CI") == "true" || os.Getenv(EnvRequire) != "" }

// shared is the cluster that all tests of the binary use.
var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// URL creates an empty database and returns its URL. The database is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(EnvURL); url != "" {
		return newDatabase(t, url)
	}
	shared.once.Do(func() { shared.cluster, shared.err = start(Options{}) })
	check(t, shared.err)
	return shared.cluster.URL(t)
}

// Main runs the tests of a package, stops the shared cluster, and exits. Call it in TestMain. Without it the cluster
// stops a moment after the binary has ended.
func Main(m *testing.M) {
	code := m.Run()
	if shared.cluster != nil {
		shared.cluster.remove()
	}
	os.Exit(code)
}

// check ends the test if err is not nil. It skips the test if PostgreSQL is missing and not [Required].
func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case !errors.Is(err, errNoServer):
		t.Fatalf("start PostgreSQL: %v", err)
	case Required():
		t.Fatal(howToInstall)
	default:
		t.Skip("SKIPPED, NOTHING WAS TESTED: " + howToInstall)
	}
}

const howToInstall = "no PostgreSQL was found; install one (apt-get install postgresql, or brew install postgresql), " +
	"or set " + EnvURL + " to the URL of a server whose user may create databases"
