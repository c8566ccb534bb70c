package bunstore_test

import (
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/stock"
)

// TestAServerThatBecomesReadOnly checks that Ping fails for a read-only server. After a failed write the pool
// must close the connection.
func TestAServerThatBecomesReadOnly(t *testing.T) {
	s := open(t, pgtest.URL(t), bunstore.Options{})
	pool := s.Pools()["main"]
	pool.SetMaxOpenConns(1)
	if _, err := pool.ExecContext(t.Context(), "SET default_transaction_read_only = on"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("ping: %v", err)
	}
	country, size := stock.Country("US"), 1
	write := func() error {
		return s.EditPlans(t.Context(), []stock.PlanEdit{{ID: "p", Country: &country, Size: &size}})
	}
	if err := write(); err == nil || !strings.Contains(err.Error(), "25006") {
		t.Errorf("the first write: %v", err)
	}
	if err := write(); err != nil {
		t.Errorf("the next write, on a new connection: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}

// TestOfSeveralHostsTheOneThatWrites checks that the store skips a dead host and a read-only host, although the
// URL does not request this.
func TestOfSeveralHostsTheOneThatWrites(t *testing.T) {
	primary := pgtest.Start(t, pgtest.Options{})
	url := primary.URL(t)
	standby := primary.Standby(t)
	url = strings.Replace(url, primary.Host(), "127.0.0.1:1,"+standby.Host()+","+primary.Host(), 1)
	fill(t, open(t, url, bunstore.Options{}), 1)
}
