package blackbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

// runTests runs the tests with the program, which goes with them.
func runTests(m *testing.M) int {
	folder, err := os.MkdirTemp("", "keyseat-blackbox-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	defer func() { stopBrowser() }()
	binary = filepath.Join(folder, "keyseatd")
	if out, err := exec.Command("go", "build", "-o", binary, "../keyseatd").CombinedOutput(); err != nil { //nolint:noctx // it ends by itself
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
