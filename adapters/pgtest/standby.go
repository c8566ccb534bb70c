package pgtest

import (
	"errors"
	"os"
	"testing"
	"time"
)

// Standby creates and starts a hot standby of the cluster. Commits wait for the standby only after
// [Cluster.Synchronous]. The standby is removed when the test ends.
func (c *Cluster) Standby(t testing.TB) *Cluster {
	t.Helper()
	s, err := newCluster(c.options, c.copyTo)
	requirePostgres(t, err)
	t.Cleanup(s.remove)
	return s
}

// Follow turns a cluster that is down into a hot standby of primary. The cluster loses its data, and keeps its port.
func (c *Cluster) Follow(t testing.TB, primary *Cluster) {
	t.Helper()
	c.supervisor.stop(keepFolder)
	if err := errors.Join(os.RemoveAll(c.data()), c.create(primary.copyTo)); err != nil {
		t.Fatalf("follow: %v", err)
	}
}

// copyTo fills the data folder of a standby with a copy of the cluster.
func (c *Cluster) copyTo(standby *Cluster) error {
	return standby.runBinary("pg_basebackup", "--dbname="+c.admin(), "--pgdata="+standby.data(),
		"--wal-method=stream", "--checkpoint=fast", "--write-recovery-conf", "--no-sync")
}

// Synchronous makes all later commits of the primary wait until a standby has received them. It returns when a standby
// is connected and commits wait. After [Cluster.Promote], commits of the promoted standby do not wait.
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

// CaughtUp waits until a standby has received and replayed everything that the cluster has written. The cluster must be
// the running primary, and no client may write to it any more.
func (c *Cluster) CaughtUp(t testing.TB, standby *Cluster) {
	t.Helper()
	c.waitFor(t, "a standby with all data",
		"SELECT count(*) > 0 FROM pg_stat_replication WHERE flush_lsn >= pg_current_wal_flush_lsn()")
	standby.waitFor(t, "a standby with all data", "SELECT pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn()")
}

// Detach disconnects the cluster, a standby, from its primary, so that it receives nothing more.
func (c *Cluster) Detach(t testing.TB, primary *Cluster) {
	t.Helper()
	c.Run(t, "ALTER SYSTEM SET primary_conninfo = ''")
	c.Run(t, "SELECT pg_reload_conf()")
	primary.waitFor(t, "the end of the standby's connection", "SELECT count(*) = 0 FROM pg_stat_replication")
}

// waitFor repeats a query until the result is true. It ends the test after [startTimeout], or if the query fails.
func (c *Cluster) waitFor(t testing.TB, what, sql string) {
	t.Helper()
	waitFor(t, what, startTimeout, 10*time.Millisecond, func() bool {
		done, err := queryBool(t.Context(), c.admin(), sql)
		if err != nil {
			t.Fatalf("wait for %s: %v", what, err)
		}
		return done
	})
}
