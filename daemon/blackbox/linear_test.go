package blackbox_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// historyFile names a chronicle to judge again.
var historyFile = flag.String("history", "", "a file that TestLinearizable has left behind, for TestASavedHistory to judge")

// TestLinearizable holds that whatever happens to the daemons and the database, all answers of info,
// upgrade, renew and stock could have been given by one machine that does one thing after the other;
// what had no answer has happened once at some time, or never.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		newCluster(NewSQLiteShop(t), 1).checkLinearizable()
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		cluster := pgtest.Start(t, pgtest.Options{})
		s := NewPostgresShop(t, cluster.URL(t))
		network, url := NewProxy(t, s.Database)
		m := newCluster(s, 2, "--database="+url)
		m.cluster, m.proxy = cluster, network
		m.checkLinearizable()
	})
}

func (m *cluster) checkLinearizable() {
	m.Helper()
	faults := m.faults()
	histories := Scaled(max(5, len(faults)), 200)
	deeds, open, oversells, stales := 0, 0, 0, 0
	for i := range histories {
		c := m.record(faults[i%len(faults)])
		m.expectLinearizable(c)
		deeds += len(c.Operations)
		open += len(c.Operations) - c.answered()
		oversells += m.expectIllegal("an oversell", mutateOversold(c))
		stales += m.expectIllegal("a stale read", mutateStale(c))
	}
	Report(m, histories, histories, "deeds", deeds, "unanswered", open, "oversells_caught", oversells, "stale_reads_caught", stales)
	m.Logf("%d histories of %d deeds, %d without an answer; caught %d oversells and %d stale reads", histories, deeds, open, oversells, stales)
	if open == 0 || oversells == 0 || stales == 0 {
		m.Error("nothing is proven")
	}
	m.CheckProvider()
}

// expectLinearizable fails the test, and keeps what shows why, unless the chronicle is linearizable.
func (m *cluster) expectLinearizable(c *history) {
	m.Helper()
	all := checkHistory(c)
	result := worstResult(all)
	if result == porcupine.Ok {
		return
	}
	name := fmt.Sprint("history-", m.runs)
	m.Errorf("%s, with %d deeds, is %s; kept in %s as %s.json, judge it again with -args -history FILE",
		c.Fault, len(c.Operations), result, m.ArtifactDir(), name)
	if err := saveFailure(c, all, m.ArtifactDir(), name); err != nil {
		m.Error(err)
	}
}

// expectIllegal holds that a forgery, if there is one, is found out, and counts it.
func (m *cluster) expectIllegal(what string, forged *history) int {
	m.Helper()
	if forged == nil {
		return 0
	}
	if result := worstResult(checkHistory(forged)); result != porcupine.Illegal {
		m.Errorf("%s was planted, and the history is %s", what, result)
	}
	return 1
}

// TestSavedHistory judges a chronicle that was saved, or one that it makes up and saves itself.
func TestSavedHistory(t *testing.T) {
	t.Parallel()
	if *historyFile != "" {
		expectVerdict(t, *historyFile, porcupine.Ok)
		return
	}
	for want, got := range map[porcupine.CheckResult]string{porcupine.Ok: UpgradeSent, porcupine.Illegal: RenewSent} {
		c := newHistory("none")
		for i, d := range []operation{
			{Do: "upgrade", With: "success"}, // without an answer
			{Do: "info", Got: "active 0 "},
			{Do: "info", Got: "in_queue 0 "},
			{Do: "info", Got: "success 1 "},
			{Do: "upgrade", With: "success", Got: ErrorBody(KeyUsed)},
			{Do: "renew", With: "success", Got: RenewSent},
			{Do: "upgrade", With: "wrong_address", Got: got},
			{Do: "info", Got: "failed_upgrade 0 Wrong address"},
		} {
			d.Subject, d.Call = "K", int64(10*i+1)
			if d.Got != "" {
				d.Return = d.Call + 5
			}
			c.write(d)
		}
		path := filepath.Join(t.TempDir(), "history.json")
		if err := c.save(path); err != nil {
			t.Fatal(err)
		}
		expectVerdict(t, path, want)
	}
}

func expectVerdict(t *testing.T, path string, want porcupine.CheckResult) {
	t.Helper()
	c, err := readHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	all := checkHistory(c)
	if result := worstResult(all); result != want {
		t.Errorf("%s (%s) is %s", path, c.Fault, result)
	}
	if err := saveFailure(c, all, t.ArtifactDir(), "judged"); err != nil {
		t.Error(err)
	}
}
