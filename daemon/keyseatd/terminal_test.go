//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestProgress imports on a terminal, where a bar shows how far it is; elsewhere nothing does.
func TestProgress(t *testing.T) {
	t.Chdir(t.TempDir())
	sh := shell{T: t, dir: "."}
	path := sh.file("keys.csv", many("code", 5000))
	terminal, shown := openTerminal(t)
	if status := run(t.Context(), []string{"keys", "import", path}, nil, nil, io.Discard, terminal); status != 0 {
		t.Errorf("status %d", status)
	}
	if _, err := fmt.Fprintln(terminal, "END"); err != nil {
		t.Fatal(err)
	}
	buf, all := make([]byte, 4096), ""
	for !strings.Contains(all, "END") {
		n, err := shown.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		all += string(buf[:n])
	}
	if !strings.Contains(all, "reading") || !strings.Contains(all, "100%") {
		t.Errorf("shown: %q", all)
	}
}

// openTerminal makes a terminal, and what a person would see on it.
func openTerminal(t *testing.T) (terminal, shown *os.File) {
	t.Helper()
	shown, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shown.Close() })
	if err := unix.IoctlSetPointerInt(int(shown.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(shown.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return terminal, shown
}
