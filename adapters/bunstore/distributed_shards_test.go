package bunstore_test

import (
	"database/sql/driver"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// shardsOfTest is the number of shards of [shardOf], which stands for the hash of Citus.
const shardsOfTest = 4

// shardOf returns the shard of a key of [someKeys].
func shardOf(code string) int { return int(code[len(code)-1]-'0') % shardsOfTest }

// TestShardsOfAnUpgrade counts the shards that the statements of an upgrade go to, by the codes in their arguments. The
// transactions of one upgrade write one shard and the coordinator. Only a poll goes to all shards.
func TestShardsOfAnUpgrade(t *testing.T) {
	t.Parallel()
	url := migrated["distributed"](t)
	fill(t, open(t, url, bunstore.Options{}), 9)
	c := &shardCounter{}
	s := observed(t, url, c.sent)
	if err := s.Subscribe(t.Context(), []string{"L"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	const all = shardsOfTest
	c.want(t, "idle poll", all, 0, 0, func() error { _, err := s.Lease(t.Context(), "w", 9, time.Minute); return err })
	c.want(t, "idle route", all, 0, 0, func() error { _, err := s.Route(t.Context(), nil, 9); return err })
	for _, n := range []int{1, 2} { // keys, each of another shard
		var changes []tasks.Change
		var views []tasks.Snapshot
		for i := range n {
			changes = append(changes, upgrade(t, snapshots(t, s, code("K", n+i))[0]))
		}
		c.want(t, "accept", 0, n, n, func() error { apply(t, s, changes...); return nil })
		c.want(t, "lease", 2*all, n, n, func() (err error) { views, err = s.Lease(t.Context(), "w", 9, time.Minute); return err })
		if len(views) != n {
			t.Fatalf("leased %d of %d", len(views), n)
		}
		c.want(t, "view", 0, n, 0, func() error { snapshots(t, s, views[0].Key.Code, views[n-1].Key.Code); return nil })
		c.want(t, "extend", 0, n, n, func() error {
			_, err := s.Extend(t.Context(), []tasks.Ref{views[0].Task.Ref(), views[n-1].Task.Ref()}[:n], time.Minute)
			return err
		})
		settled := []tasks.Change{success(views[0]), success(views[n-1])}[:n]
		c.want(t, "settle", 0, n, n, func() error { apply(t, s, settled...); return nil })
		c.want(t, "route", all, n, n, func() error { _, err := s.Route(t.Context(), []tasks.EventType{tasks.EventEnded}, 9); return err })
		c.want(t, "lease deliveries", 0, n, 0, func() error {
			due, err := s.LeaseDeliveries(t.Context(), "L", id(), 9, time.Minute)
			if len(due) != n {
				t.Errorf("leased %d deliveries of %d", len(due), n)
			}
			return err
		})
	}
}

func snapshots(t *testing.T, s *bunstore.Store, codes ...keys.Code) []tasks.Snapshot {
	t.Helper()
	views, err := s.Snapshots(t.Context(), slices.Compact(codes))
	if err != nil {
		t.Fatal(err)
	}
	return views
}

// A shardCounter records the statements about tables on many servers.
type shardCounter struct {
	polled  int          // shards of the statements that name no codes
	named   map[int]bool // shards of the other statements
	written map[int]bool // shards that the present transaction writes
	most    int          // the greatest number of shards that a transaction has written
}

// sent is called before each statement.
func (c *shardCounter) sent(sql string, args []driver.NamedValue) {
	if sql == "BEGIN" {
		c.written = map[int]bool{}
	}
	if !spreadOut.MatchString(sql) {
		return
	}
	shards := map[int]bool{}
	for _, a := range args {
		for _, code := range codesIn(a.Value) {
			shards[shardOf(code)] = true
		}
	}
	writes := writesTables.MatchString(sql)
	if !namesCodes.MatchString(sql) && !strings.HasPrefix(sql, "INSERT") {
		c.polled += shardsOfTest
		shards = map[int]bool{0: writes, 1: writes, 2: writes, 3: writes}
	}
	for shard := range shards {
		c.named[shard] = c.named[shard] || namesCodes.MatchString(sql)
		if writes {
			c.written[shard] = true
		}
	}
	c.most = max(c.most, len(c.written))
}

// codesIn returns the codes of [someKeys] in an argument.
func codesIn(value any) (codes []string) {
	all, isArray := value.([]string)
	if one, isText := value.(string); isText {
		all, isArray = []string{one}, true
	}
	for _, text := range all {
		if isArray && len(text) == len("K00000") && strings.HasPrefix(text, "K000") {
			codes = append(codes, text)
		}
	}
	return codes
}

// want runs a call and checks the counts: the shards that its statements without codes go to, the shards of the other
// statements, and the greatest number of shards that one of its transactions writes.
func (c *shardCounter) want(t *testing.T, call string, polled, named, written int, do func() error) {
	t.Helper()
	*c = shardCounter{named: map[int]bool{}, written: map[int]bool{}}
	if err := do(); err != nil {
		t.Fatal(call, err)
	}
	shards := 0
	for _, touched := range c.named {
		if touched {
			shards++
		}
	}
	if c.polled != polled || shards != named || c.most != written {
		t.Errorf("%s of %d keys: statements without codes go to %d shards (want %d), others to %d (want %d), and a transaction writes %d (want %d)",
			call, max(named, written), c.polled, polled, shards, named, c.most, written)
	}
}
