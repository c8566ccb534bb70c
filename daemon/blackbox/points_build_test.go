package blackbox_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// FaultInjectingProgram gives the path of a program that dies where it is told to, panics at logins that begin with
// panic, and lives by a clock that a file puts off. It is built for the first test that wants it.
func FaultInjectingProgram(t *testing.T) string {
	t.Helper()
	path, err := buildFaultInjecting()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildFaultInjecting = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binary), "keyseatd-crashpoints")
	out, err := exec.Command("go", "build", "-tags", "crashpoints", "-o", path, "../keyseatd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build -tags crashpoints: %w\n%s", err, out)
	}
	return path, nil
})
