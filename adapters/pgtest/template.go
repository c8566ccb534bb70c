package pgtest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"
)

// A Template is a filled database that tests copy, because a copy takes less time than to fill another database.
type Template struct {
	Fill func(url string) error // fills a new database and closes its connections

	once sync.Once
	name string
	err  error
}

// URL creates a copy of the template and returns its URL. The copy is dropped when the test ends.
func (m *Template) URL(t testing.TB) string {
	t.Helper()
	admin := adminURL(t)
	return createDatabase(t, admin, m.filled(t, admin))
}

// filled returns the name of the template.
func (m *Template) filled(t testing.TB, admin string) string {
	t.Helper()
	m.once.Do(func() { m.err = m.create(admin) })
	if m.err != nil {
		t.Fatalf("fill a database: %v", m.err)
	}
	return m.name
}

func (m *Template) create(admin string) error {
	m.name = randomName()
	dropAtEnd(m.name)
	if err := copyDatabase(context.Background(), admin, emptyTemplate, m.name); err != nil {
		return err
	}
	return m.Fill(withDatabase(admin, m.name))
}

// A Pool has copies of a template that many short tests use one after another. To empty a database takes less time than to
// create and drop one.
type Pool struct {
	From  *Template
	Clear func(url string) error // brings a database back to the state of the template, and closes its connections

	mu   sync.Mutex
	free []string
}

// URL returns the URL of a copy that no other test uses. The copy returns to the pool when the test ends.
func (p *Pool) URL(t testing.TB) string {
	t.Helper()
	admin, name := adminURL(t), p.take()
	if name == "" {
		name = randomName()
		dropAtEnd(name)
		if err := copyDatabase(t.Context(), admin, p.From.filled(t, admin), name); err != nil {
			t.Fatalf("create a database: %v", err)
		}
	}
	url := withDatabase(admin, name)
	t.Cleanup(func() {
		if err := p.Clear(url); err != nil {
			t.Errorf("clear a database: %v", err)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, name)
	})
	return url
}

// take returns the name of a free database, or "".
func (p *Pool) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return ""
	}
	name := p.free[last]
	p.free = p.free[:last]
	return name
}

// kept has the names of the databases that [Main] drops.
var kept struct {
	sync.Mutex
	names []string
}

func dropAtEnd(name string) {
	kept.Lock()
	defer kept.Unlock()
	kept.names = append(kept.names, name)
}

// Standby creates and starts a hot standby of the cluster. The standby is removed when the test ends. Commits do not
// wait for it before [Cluster.Synchronous].
func (c *Cluster) Standby(t testing.TB) *Cluster {
	t.Helper()
	s, err := newCluster(c.options, c.copyTo)
	requirePostgres(t, err)
	t.Cleanup(s.remove)
	return s
}

// Follow turns a cluster that is down into a standby of primary, as [Cluster.Standby] does. The cluster loses its
// old data and keeps its port.
func (c *Cluster) Follow(t testing.TB, primary *Cluster) {
	t.Helper()
	c.stop(keepFolder)
	if err := errors.Join(os.RemoveAll(c.data()), c.create(primary.copyTo)); err != nil {
		t.Fatalf("follow: %v", err)
	}
}

// copyTo fills the data folder of a standby with a copy of the cluster.
func (c *Cluster) copyTo(standby *Cluster) error {
	return standby.runBinary("pg_basebackup", "--dbname="+c.admin(), "--pgdata="+standby.data(),
		"--wal-method=stream", "--checkpoint=fast", "--write-recovery-conf", "--no-sync")
}

// Synchronous makes all later commits of the primary wait until a standby has them. It returns when a standby
// streams and commits wait. A promoted standby does not inherit this setting.
func (c *Cluster) Synchronous(t testing.TB) {
	t.Helper()
	c.Run(t, "ALTER SYSTEM SET synchronous_standby_names = '*'")
	c.Run(t, "SELECT pg_reload_conf()")
	c.waitFor(t, "a synchronous standby", "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")
	c.Run(t, "CHECKPOINT") // commits wait only after the checkpointer has read the setting
}

// Promote makes a standby a primary, and returns when it accepts writes.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	c.waitFor(t, "the promotion", "SELECT pg_promote(true, 30)")
}

// CaughtUp waits until the standby has received and replayed everything that the primary has written. The primary
// must run, and must not write any more.
func (c *Cluster) CaughtUp(t testing.TB, standby *Cluster) {
	t.Helper()
	c.waitFor(t, "a standby with all data",
		"SELECT count(*) > 0 FROM pg_stat_replication WHERE flush_lsn >= pg_current_wal_flush_lsn()")
	standby.waitFor(t, "a standby with all data", "SELECT pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn()")
}

// Detach makes a standby receive nothing more from its primary.
func (c *Cluster) Detach(t testing.TB, primary *Cluster) {
	t.Helper()
	c.Run(t, "ALTER SYSTEM SET primary_conninfo = ''")
	c.Run(t, "SELECT pg_reload_conf()")
	primary.waitFor(t, "the end of the standby's connection", "SELECT count(*) = 0 FROM pg_stat_replication")
}

// waitFor repeats a query until its result is true. The test ends after [startTimeout], or if the query fails.
func (c *Cluster) waitFor(t testing.TB, what, sql string) {
	t.Helper()
	deadline := time.Now().Add(startTimeout)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
		done, err := queryBool(ctx, c.admin(), sql)
		cancel()
		if done {
			return
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s: %v", what, err)
		}
		time.Sleep(10 * time.Millisecond) // the server does not notify clients of such changes
	}
}
