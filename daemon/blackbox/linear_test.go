package blackbox_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// saved names a chronicle to judge again.
var saved = flag.String("history", "", "a file that TestLinearizable has left behind, for TestASavedHistory to judge")

// TestLinearizable holds that whatever happens to the daemons and the database, all answers of info,
// upgrade, renew and stock could have been given by one machine that does one thing after the other;
// what had no answer has happened once at some time, or never.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		newMarket(onSQLite(t), 1).isLinearizable()
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		cluster := pgtest.Start(t, pgtest.Options{})
		s := onPostgres(t, cluster.URL(t))
		network, url := newProxy(t, s.database)
		m := newMarket(s, 2, "--database="+url)
		m.cluster, m.network = cluster, network
		m.isLinearizable()
	})
}

func (m *market) isLinearizable() {
	m.Helper()
	faults := m.faults()
	histories := figure(max(5, len(faults)), 200)
	deeds, open, oversells, stales := 0, 0, 0, 0
	for i := range histories {
		c := m.play(faults[i%len(faults)])
		m.holds(c)
		deeds += len(c.Deeds)
		open += len(c.Deeds) - c.answered()
		oversells += m.catches("an oversell", oversold(c))
		stales += m.catches("a stale read", stale(c))
	}
	tried(m, histories, histories, "deeds", deeds, "unanswered", open, "oversells_caught", oversells, "stale_reads_caught", stales)
	m.Logf("%d histories of %d deeds, %d without an answer; caught %d oversells and %d stale reads", histories, deeds, open, oversells, stales)
	if open == 0 || oversells == 0 || stales == 0 {
		m.Error("nothing is proven")
	}
	m.agrees()
}

// holds fails the test, and keeps what shows why, unless the chronicle is linearizable.
func (m *market) holds(c *chronicle) {
	m.Helper()
	all := judge(c)
	result := worst(all)
	if result == porcupine.Ok {
		return
	}
	name := fmt.Sprint("history-", m.rounds)
	m.Errorf("%s, with %d deeds, is %s; kept in %s as %s.json, judge it again with -args -history FILE",
		c.Fault, len(c.Deeds), result, m.ArtifactDir(), name)
	if err := file(c, all, m.ArtifactDir(), name); err != nil {
		m.Error(err)
	}
}

// catches holds that a forgery, if there is one, is found out, and counts it.
func (m *market) catches(what string, forged *chronicle) int {
	m.Helper()
	if forged == nil {
		return 0
	}
	if result := worst(judge(forged)); result != porcupine.Illegal {
		m.Errorf("%s was planted, and the history is %s", what, result)
	}
	return 1
}

// TestASavedHistory judges a chronicle that was saved, or one that it makes up and saves itself.
func TestASavedHistory(t *testing.T) {
	t.Parallel()
	if *saved != "" {
		judged(t, *saved, porcupine.Ok)
		return
	}
	for want, got := range map[porcupine.CheckResult]string{porcupine.Ok: upgradeSent, porcupine.Illegal: renewSent} {
		c := newChronicle("none")
		for i, d := range []deed{
			{Do: "upgrade", With: "success"}, // without an answer
			{Do: "info", Got: "active 0 "},
			{Do: "info", Got: "in_queue 0 "},
			{Do: "info", Got: "success 1 "},
			{Do: "upgrade", With: "success", Got: refused(keyUsed)},
			{Do: "renew", With: "success", Got: renewSent},
			{Do: "upgrade", With: "wrong_address", Got: got},
			{Do: "info", Got: "failed_upgrade 0 Wrong address"},
		} {
			d.About, d.Call = "K", int64(10*i+1)
			if d.Got != "" {
				d.Return = d.Call + 5
			}
			c.write(d)
		}
		path := filepath.Join(t.TempDir(), "history.json")
		if err := c.save(path); err != nil {
			t.Fatal(err)
		}
		judged(t, path, want)
	}
}

func judged(t *testing.T, path string, want porcupine.CheckResult) {
	t.Helper()
	c, err := readChronicle(path)
	if err != nil {
		t.Fatal(err)
	}
	all := judge(c)
	if result := worst(all); result != want {
		t.Errorf("%s (%s) is %s", path, c.Fault, result)
	}
	if err := file(c, all, t.ArtifactDir(), "judged"); err != nil {
		t.Error(err)
	}
}
