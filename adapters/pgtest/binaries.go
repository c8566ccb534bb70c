package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// requirePostgres ends the test if err is not nil. It skips the test if PostgreSQL is missing and not [Required].
func requirePostgres(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errNoServer):
		skipOrFail(t, "no PostgreSQL was found; install one (apt-get install postgresql, or brew install postgresql), "+
			"or set "+EnvURL+" to the URL of a server whose user may create databases")
	default:
		t.Fatalf("start PostgreSQL: %v", err)
	}
}

// skipOrFail skips the test because a program is missing. It fails the test if programs are [Required].
func skipOrFail(t testing.TB, missing string) {
	t.Helper()
	if Required() {
		t.Fatal(missing)
	}
	t.Skip("SKIPPED, NOTHING WAS TESTED: " + missing)
}

// errNoServer means that the programs of PostgreSQL are not installed.
var errNoServer = errors.New("no PostgreSQL")

// binaryFolders are the folders of PostgreSQL's programs in distributions that do not add them to PATH.
var binaryFolders = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // Fedora, RHEL
	"/opt/homebrew/opt/postgresql*/bin", // brew on Apple silicon
	"/usr/local/opt/postgresql*/bin",    // brew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
}

// findBinaries returns the folder of initdb and postgres: the one in PATH, or else the newest installed one.
func findBinaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil { // a link in PATH may exist for some programs only
			path = target
		}
		if hasBinaries(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	for _, pattern := range binaryFolders {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, folder := range slices.Backward(found) {
			if hasBinaries(folder) {
				return folder, nil
			}
		}
	}
	return "", errNoServer
}

// hasBinaries reports whether a folder has the programs of a server.
func hasBinaries(folder string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(folder, program)); err != nil {
			return false
		}
	}
	return true
}
