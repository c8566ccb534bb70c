package pgtest

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// Environment variables that tests obey.
const (
	EnvURL     = "KEYSEAT_TEST_POSTGRES"    // a server to use instead of a throw-away one
	EnvRequire = "KEYSEAT_REQUIRE_POSTGRES" // any value: a test that finds no server fails
)

// Required says whether a test that does not find what it needs must fail, where it would else skip:
// with [EnvRequire], and where CI is true.
func Required() bool { return os.Getenv("CI") == "true" || os.Getenv(EnvRequire) != "" }

// shared is the cluster of the test binary.
var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// URL makes an empty database and gives its URL. The database is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(EnvURL); url != "" {
		return newDatabase(t, url)
	}
	shared.once.Do(func() { shared.cluster, shared.err = start(Options{}) })
	check(t, shared.err)
	return shared.cluster.URL(t)
}

// Main runs the tests of a package and stops the shared cluster before it exits. It is for TestMain;
// without it the cluster stops a moment after the binary has ended.
func Main(m *testing.M) {
	code := m.Run()
	if shared.cluster != nil {
		shared.cluster.remove()
	}
	os.Exit(code)
}

// check ends the test if there is no server to be had.
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
