// Package harness runs the real program for the tests of the other packages in daemon/blackbox.
//
// A [Shop] is a database, the command line of its operator, and a provider. A [Daemon] is a running keyseatd serve. All
// processes end with the test that starts them. Finally the shop checks that all requests to the provider have followed
// the protocol.
//
//	Shop ──Exec──▶ keyseatd keys, plans … ──▶ database ◀── Database (edits and reads it directly)
//	  │                                          ▲
//	  └─Serve──▶ Daemon ── Proxy (a bad network) ┘
//	               │  ▲
//	               │  └── Get, Post, Info … · Operator (admin API) · Session (console) · Tab (browser) · Scrape (metrics)
//	               └────▶ Provider, with a ledger of its own
//
// Methods that check a result, such as Expect and MustExec, fail the test themselves.
package harness

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Main runs the tests of a package, stops the browser, and removes the built programs. TestMain exits with its result.
func Main(m *testing.M) int {
	status := m.Run()
	for _, end := range slices.Backward(atEnd) {
		end()
	}
	return status
}

// atEnd has the functions that [Main] calls after the tests, the last one first.
var atEnd []func()

// commonFolder makes the folder for the built programs and for the files of the browser. [Main] removes it.
var commonFolder = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "keyseat-blackbox-")
	atEnd = append(atEnd, func() { _ = os.RemoveAll(folder) }) // the operating system cleans its temporary folder anyway
	return folder, err
})

// Program returns the path of keyseatd. The first call in a test process builds the program, which is quick if the
// build cache of the go command has its packages.
func Program(t testing.TB) string {
	t.Helper()
	return Build(t, "keyseatd")
}

// FaultInjectingProgram returns the path of a keyseatd with fault injection. The first call in a test process builds
// it. This program kills itself at the point that the variable KEYSEAT_CRASH names. Its connector panics at logins that
// begin with "panic". Its clock has the offset in the file that the variable KEYSEAT_SKEW names.
func FaultInjectingProgram(t testing.TB) string {
	t.Helper()
	return Build(t, "keyseatd-crashpoints", "-tags", "crashpoints")
}

// builds has a function for each name of a program, which builds the program once and then returns the same result.
var builds sync.Map

// Build returns the path of a keyseatd with a name. The first call with the name builds the program, with further flags
// of the go command. Later calls with the name must have the same flags.
func Build(t testing.TB, name string, flags ...string) string {
	t.Helper()
	once, _ := builds.LoadOrStore(name, sync.OnceValues(func() (string, error) { return build(name, flags...) }))
	path, err := once.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func build(name string, flags ...string) (string, error) {
	folder, err := commonFolder()
	if err == nil {
		err = readSources()
	}
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, name)
	// The flag -w leaves out the information for debuggers, because no test reads it. This halves the time of linking.
	args := append([]string{"build", "-C", filepath.Join(Root, "daemon", "keyseatd"), "-ldflags=-w", "-o", path}, flags...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil { //nolint:noctx // the program ends by itself
		return "", fmt.Errorf("go build %v: %w\n%s", flags, err, out)
	}
	return path, nil
}

// readSources reads the folders of the sources, so that a change to them makes "go test" run the tests again. "go test"
// reuses a cached result until a file or folder changes that the tests have opened. It does not see which files
// "go build" opens.
func readSources() error {
	return filepath.WalkDir(Root, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == ".git" {
			return filepath.SkipDir
		}
		return err
	})
}

// Root is the path of the module, relative to the folder of a test package below daemon/blackbox.
const Root = "../../.."
