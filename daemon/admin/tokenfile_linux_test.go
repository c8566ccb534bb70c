package admin_test

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/keyseat/keyseat/daemon/admin"
)

// TestAddTokenToFullDisk checks that a full disk leaves the file unchanged. Half a line would
// make the whole file invalid.
func TestAddTokenToFullDisk(t *testing.T) {
	tokens := admin.TokenFile(filepath.Join(t.TempDir(), "tokens"))
	if err := tokens.Add(admin.NewToken("first", admin.Read, "a long enough token")); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(string(tokens))
	if err != nil {
		t.Fatal(err)
	}
	var usual syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &usual); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(len(before) + 10), Max: usual.Max}); err != nil {
		t.Fatal(err)
	}
	failed := tokens.Add(admin.NewToken("second", admin.Read, "another long token"))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &usual); err != nil {
		t.Fatal(err)
	}
	if failed == nil {
		t.Fatal("the token was added")
	}
	if all, err := tokens.Load(); err != nil || len(all) != 1 {
		t.Errorf("%d tokens, %v", len(all), err)
	}
	if after, err := os.ReadFile(string(tokens)); err != nil || string(after) != string(before) {
		t.Errorf("%q, %v", after, err)
	}
}
