package harness

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A Shop is a database, the command line of its operator, and a provider. All processes that it starts end with its
// test. Then it checks that the provider was called as the protocol says.
type Shop struct {
	*testing.T
	Folder    string // the working directory of commands
	Database  string // its URL
	KeyFile   string // the file of master keys; "": serve makes one
	Provider  *connectortest.Provider
	Env       []string // environment of commands, in addition to the URL of the database
	Program   string   // the program to run; "": keyseatd
	MayRepeat bool     // the database has lost confirmed commits, so a task may be repeated with another plan
}

// ForEachDatabase runs a test on SQLite and on PostgreSQL.
func ForEachDatabase(t *testing.T, test func(s *Shop)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(NewSQLiteShop(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(NewPostgresShop(t, pgtest.URL(t)))
	})
}

// NewShop returns a shop without a database.
func NewShop(t *testing.T) *Shop {
	s := &Shop{T: t, Folder: t.TempDir(), Provider: connectortest.NewProvider(t)}
	t.Cleanup(s.checkProvider)
	return s
}

// checkProvider checks the requests to the provider against the protocol.
func (s *Shop) checkProvider() {
	s.Helper()
	if !s.MayRepeat {
		s.Provider.CheckAll(s)
		return
	}
	if err := s.Provider.Check(); err != nil {
		for line := range strings.Lines(err.Error()) {
			if !strings.Contains(line, " came with another body") {
				s.Errorf("a request to the provider is not as it should be: %s", line)
			}
		}
	}
}

// NewSQLiteShop returns a shop with a new SQLite database.
func NewSQLiteShop(t *testing.T) *Shop {
	s := NewShop(t)
	s.Database = "sqlite:" + filepath.Join(s.Folder, "keyseat.db")
	return s
}

// NewPostgresShop returns a shop with a database of PostgreSQL and new master keys.
func NewPostgresShop(t *testing.T, url string) *Shop {
	s := NewShop(t)
	s.Database, s.KeyFile = url, filepath.Join(s.Folder, "master-keys")
	s.MustExec("master-key", "add", s.KeyFile)
	return s
}

// IsSQLite reports whether the database is an SQLite file, which allows only one daemon.
func (s *Shop) IsSQLite() bool { return strings.HasPrefix(s.Database, "sqlite:") }

// MasterKeyPath returns the path of the master keys that serve reads or makes.
func (s *Shop) MasterKeyPath() string {
	if s.KeyFile != "" {
		return s.KeyFile
	}
	return strings.TrimPrefix(s.Database, "sqlite:") + ".master-key"
}

// CheckDoctor checks that the doctor finds nothing, also in sealed accounts.
func (s *Shop) CheckDoctor() {
	s.Helper()
	if r := s.Exec("doctor", "--master-key-file", s.MasterKeyPath()); r.Code != 0 {
		s.Errorf("the doctor reports: %s%s", r.Out, r.Err)
	}
}

// ClosedPort returns an address on loopback on which no program listens.
func ClosedPort(s *Shop) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = l.Close() }() // the address is known
	return l.Addr().String()
}
