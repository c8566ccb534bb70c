// Package harness runs the real program for the tests of the other packages in daemon/blackbox.
//
// A [Shop] is a database, the command line of its operator, and a provider. A [Daemon] is a running keyseatd serve.
// Everything that a test starts ends with the test. Then the provider must have been called as its protocol says.
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
	"sync"
	"testing"
)

// Main runs the tests of a package, removes what the harness has made for them, and returns the exit status. Call it
// in TestMain.
func Main(m *testing.M) int {
	defer func() {
		stopBrowser()
		removeFolder()
	}()
	return m.Run()
}

// commonFolder makes the folder for the programs and for the files of the browser.
var commonFolder = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "keyseat-blackbox-")
	removeFolder = func() { _ = os.RemoveAll(folder) } // the operating system cleans its temporary folder too
	return folder, err
})

var removeFolder = func() {}

// Program returns the path of keyseatd. The first call in a test process builds it. For later test packages the cache
// of the go command has almost all of it.
func Program(t testing.TB) string {
	t.Helper()
	return Build(t, "keyseatd")
}

// FaultInjectingProgram returns the path of a keyseatd with fault injection. It kills itself at the point that
// KEYSEAT_CRASH names. Its connector panics at logins that begin with "panic". Its clock has the offset in the file that
// KEYSEAT_SKEW names. The first call in a test process builds the program.
func FaultInjectingProgram(t testing.TB) string {
	t.Helper()
	return Build(t, "keyseatd-crashpoints", "-tags", "crashpoints")
}

// builds has the result of each build, by the name of the program.
var builds sync.Map

// Build returns the path of a keyseatd with that name. The first call with the name builds it, with further flags of the
// go command. So a name always has the same flags.
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
	// No test reads the information for debuggers. Linking takes half the time without it.
	args := append([]string{"build", "-C", filepath.Join(Root, "daemon", "keyseatd"), "-ldflags=-w", "-o", path}, flags...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil { //nolint:noctx // it ends by itself
		return "", fmt.Errorf("go build %v: %w\n%s", flags, err, out)
	}
	return path, nil
}

// readSources reads the folders of the sources. The go command repeats a cached result of a test until a file changes
// that the test has opened. It does not see the files that "go build" opens.
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
