//go:build unix

package operator_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestMasterKeyFileHasDatabaseOwner checks that the new file of master keys belongs to the owner of the database file.
func TestMasterKeyFileHasDatabaseOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: only root can give files away")
	}
	s := harness.NewSQLiteShop(t)
	s.MustExec("migrate")
	const owner = 65534
	if err := os.Chown(strings.TrimPrefix(s.Database, "sqlite:"), owner, owner); err != nil {
		t.Fatal(err)
	}
	s.Serve().Stop()
	info, err := os.Stat(s.MasterKeyPath())
	if err != nil {
		t.Fatal(err)
	}
	if got, known := info.Sys().(*syscall.Stat_t); !known || got.Uid != owner || info.Mode().Perm() != 0o600 {
		t.Errorf("it is %v, %+v", info.Mode(), info.Sys())
	}
}
