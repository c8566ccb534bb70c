package bunstore_test

import (
	"database/sql"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A blockCount is the result of [bunstore.Store.CountUnknownKeys] for a block of addresses.
type blockCount struct {
	unknown int
	left    time.Duration
}

func countUnknownKeys(t *testing.T, s *bunstore.Store, unknown map[netip.Prefix]int) map[netip.Prefix]blockCount {
	t.Helper()
	all := map[netip.Prefix]blockCount{}
	err := s.CountUnknownKeys(t.Context(), unknown, func(b netip.Prefix, n int, left time.Duration) {
		if _, twice := all[b]; twice || left <= 0 || left > time.Minute {
			t.Errorf("%s: reported twice (%t), or %s are left", b, twice, left)
		}
		all[b] = blockCount{n, left}
	})
	if err != nil || len(all) != len(unknown) {
		t.Fatalf("reported %d blocks, not %d: %v", len(all), len(unknown), err)
	}
	return all
}

func blocks(n int) []netip.Prefix {
	all := []netip.Prefix{{}, netip.MustParsePrefix("2001:db8::/64")} // also the block of an unknown address
	for i := range n - len(all) {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32))
	}
	return all
}

// TestUnknownKeysOfManyStores counts the same blocks from several stores simultaneously.
func TestUnknownKeysOfManyStores(t *testing.T) { onPostgres(t, unknownKeysOfManyStores) }

func unknownKeysOfManyStores(t *testing.T, url string) {
	const rounds = 20
	all := blocks(50)
	var group sync.WaitGroup
	for range 4 {
		s := open(t, url, bunstore.Options{})
		group.Go(func() {
			for range rounds {
				some := map[netip.Prefix]int{}
				for i, b := range all { // the iteration order of a map is random
					some[b] = i + 1
				}
				countUnknownKeys(t, s, some)
			}
		})
	}
	group.Wait()
	last := map[netip.Prefix]int{}
	for _, b := range all {
		last[b] = 0
	}
	for b, n := range countUnknownKeys(t, open(t, url, bunstore.Options{}), last) {
		if i := 1 + slices.Index(all, b); n.unknown != 4*rounds*i {
			t.Errorf("%s has named %d keys, not %d", b, n.unknown, 4*rounds*i)
		}
	}
}

// TestUnknownKeyWindow checks that a new window begins when one has ended, and after the clock was set back.
func TestUnknownKeyWindow(t *testing.T) { onPostgres(t, unknownKeyWindow) }

func unknownKeyWindow(t *testing.T, url string) {
	s, db, b := open(t, url, bunstore.Options{}), raw(t, url), blocks(2)[1]
	count := func(want int) time.Duration {
		t.Helper()
		got := countUnknownKeys(t, s, map[netip.Prefix]int{b: 2})[b]
		if got.unknown != want {
			t.Errorf("%d keys, not %d", got.unknown, want)
		}
		return got.left
	}
	first := count(2)
	if left := count(4); left > first {
		t.Errorf("the minute lasts longer: %s, then %s", first, left)
	}
	for _, ends := range []string{"- interval '1 second'", "+ interval '1 hour'"} {
		must(t, db, "UPDATE keyseat_strangers SET ends = now() "+ends)
		if left := count(2); left < 59*time.Second {
			t.Errorf("a new minute lasts %s", left)
		}
		count(4)
	}
}

func must(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestHeartbeat counts daemons, and checks that expired heartbeats and ended windows are deleted.
func TestHeartbeat(t *testing.T) { onPostgres(t, heartbeat) }

func heartbeat(t *testing.T, url string) {
	s, db := open(t, url, bunstore.Options{}), raw(t, url)
	attend := func(name string, ttl time.Duration, want int) {
		t.Helper()
		if n, err := s.Heartbeat(t.Context(), name, ttl); n != want || err != nil {
			t.Errorf("%d daemons, not %d: %v", n, want, err)
		}
	}
	attend("a", time.Hour, 1)
	attend("b", time.Hour, 2)
	attend("a", time.Hour, 2)
	attend("c", time.Microsecond, 3)
	attend("b", time.Hour, 2)
	unknown := map[netip.Prefix]int{}
	for _, b := range blocks(9) {
		unknown[b] = 1
	}
	countUnknownKeys(t, s, unknown)
	must(t, db, "UPDATE keyseat_strangers SET ends = now() - interval '1 second' WHERE block LIKE '192%'")
	attend("a", time.Hour, 2)
	for table, want := range map[string]int{"keyseat_strangers": 2, "keyseat_daemons": 2} {
		rows := 0
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows); err != nil || rows != want {
			t.Errorf("%d rows in %s, not %d: %v", rows, table, want, err)
		}
	}
}

// TestUnknownKeysAfterACrash checks that the counts start from 0 after a crash. It also checks that the tables
// are unlogged, so that no statement waits for the disk.
func TestUnknownKeysAfterACrash(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{})
	url := cluster.URL(t)
	s, b := open(t, url, bunstore.Options{}), blocks(2)[1]
	countUnknownKeys(t, s, map[netip.Prefix]int{b: 7})
	cluster.Kill(t)
	cluster.Restart(t)
	s = open(t, url, bunstore.Options{})
	if n := countUnknownKeys(t, s, map[netip.Prefix]int{b: 1})[b].unknown; n != 1 {
		t.Errorf("%d keys after a crash", n)
	}
	if n, err := s.Heartbeat(t.Context(), "a", time.Minute); n != 1 || err != nil {
		t.Errorf("%d daemons after a crash: %v", n, err)
	}
	var unlogged int
	const count = `SELECT count(*) FROM pg_class WHERE relpersistence = 'u' AND relname IN ('keyseat_strangers', 'keyseat_daemons')`
	if err := raw(t, url).QueryRowContext(t.Context(), count).Scan(&unlogged); err != nil || unlogged != 2 {
		t.Errorf("%d tables are not logged: %v", unlogged, err)
	}
}
