package linear_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// historyFile names a history to check again.
var historyFile = flag.String("history", "", "a file that TestLinearizable has left behind, for TestSavedHistory to check")

// TestLinearizable breaks daemons and databases. All answers to info, upgrade, renew and stock could have come from one
// machine that does one thing after another. An operation without an answer may have happened at any later time, or
// never.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		newCluster(harness.NewSQLiteShop(t), 1).checkLinearizable()
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		cluster := pgtest.Start(t, pgtest.Options{})
		s := harness.NewPostgresShop(t, cluster.URL(t))
		network, url := harness.NewProxy(t, s.Database)
		m := newCluster(s, 2, "--database="+url)
		m.cluster, m.proxy = cluster, network
		m.checkLinearizable()
	})
}

func (m *cluster) checkLinearizable() {
	m.Helper()
	faults := m.faults()
	histories := harness.Scaled(max(5, len(faults)), 200)
	operations, open, oversells, stales := 0, 0, 0, 0
	for i := range histories {
		c := m.record(faults[i%len(faults)])
		m.expectLinearizable(c)
		operations += len(c.Operations)
		open += len(c.Operations) - c.answered()
		oversells += m.expectIllegal("an oversell", mutateOversold(c))
		stales += m.expectIllegal("a stale read", mutateStale(c))
	}
	harness.Report(m, histories, histories, "operations", operations, "unanswered", open, "oversells_caught", oversells, "stale_reads_caught", stales)
	m.Logf("%d histories of %d operations, %d without an answer; caught %d oversells and %d stale reads", histories, operations, open, oversells, stales)
	if open == 0 || oversells == 0 || stales == 0 {
		m.Error("nothing is proven")
	}
	m.CheckProvider()
}

// expectLinearizable fails the test unless the history is linearizable. Then it keeps the history.
func (m *cluster) expectLinearizable(c *history) {
	m.Helper()
	all := checkHistory(c)
	result := worstResult(all)
	if result == porcupine.Ok {
		return
	}
	name := fmt.Sprint("history-", m.runs)
	m.Errorf("%s, with %d operations, is %s; kept in %s as %s.json, check it again with -args -history FILE",
		c.Fault, len(c.Operations), result, m.ArtifactDir(), name)
	if err := saveFailure(c, all, m.ArtifactDir(), name); err != nil {
		m.Error(err)
	}
}

// expectIllegal checks that a mutated history is rejected, and returns 1. For the history nil it returns 0.
func (m *cluster) expectIllegal(what string, mutated *history) int {
	m.Helper()
	if mutated == nil {
		return 0
	}
	if result := worstResult(checkHistory(mutated)); result != porcupine.Illegal {
		m.Errorf("with %s the history is %s", what, result)
		return 0
	}
	return 1
}

// TestStaleReadIsFound plants a stale read in a history with many requests that have no answer. Each such request
// doubles the number of orders in which the later operations can have happened.
func TestStaleReadIsFound(t *testing.T) {
	t.Parallel()
	c := newHistory("none")
	do := func(d operation) {
		d.Subject, d.Call = "K", int64(10*len(c.Operations)+1)
		if d.Got != "" {
			d.Return = d.Call + 5
		}
		c.write(d)
	}
	do(operation{Do: "upgrade", With: "success", Got: harness.UpgradeSent})
	do(operation{Do: "info", Got: "success 1 "})
	for range 40 {
		do(operation{Do: "upgrade", With: "success"})
		do(operation{Do: "info", Got: "success 1 "})
	}
	if result := worstResult(checkHistory(c)); result != porcupine.Ok {
		t.Errorf("the true history is %s", result)
	}
	if result := worstResult(checkHistory(mutateStale(c))); result != porcupine.Illegal {
		t.Errorf("with a stale read the history is %s", result)
	}
}

// TestSavedHistory checks a saved history or, without one, two histories that the test makes.
func TestSavedHistory(t *testing.T) {
	t.Parallel()
	if *historyFile != "" {
		expectVerdict(t, *historyFile, porcupine.Ok)
		return
	}
	for want, got := range map[porcupine.CheckResult]string{porcupine.Ok: harness.UpgradeSent, porcupine.Illegal: harness.RenewSent} {
		c := newHistory("none")
		for i, d := range []operation{
			{Do: "upgrade", With: "success"}, // without an answer
			{Do: "info", Got: "active 0 "},
			{Do: "info", Got: "in_queue 0 "},
			{Do: "info", Got: "success 1 "},
			{Do: "upgrade", With: "success", Got: harness.ErrorBody(harness.KeyUsed)},
			{Do: "renew", With: "success", Got: harness.RenewSent},
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

// checkTimeout is the limit for the check of one subject.
const checkTimeout = 30 * time.Second

// A verdict is the result for one subject.
type verdict struct {
	subject string
	result  porcupine.CheckResult
	model   porcupine.Model
	info    porcupine.LinearizationInfo
}

// checkHistory checks for each subject whether its operations can have happened one by one, each at some moment
// between its call and its answer.
func checkHistory(c *history) (all []verdict) {
	subjects := c.bySubject()
	for _, subject := range slices.Sorted(maps.Keys(subjects)) {
		v := verdict{subject: subject, model: keyModel.ToModel()}
		if isPlan(subject) {
			v.model = stockModel
		}
		v.result, v.info = porcupine.CheckOperationsVerbose(v.model, toPorcupine(subjects[subject]), checkTimeout)
		all = append(all, v)
	}
	return all
}

// toPorcupine converts operations for porcupine. An operation without an answer ends after all other operations.
func toPorcupine(list []operation) (all []porcupine.Operation) {
	last := int64(0)
	for _, d := range list {
		last = max(last, d.Call+1, d.Return+1)
	}
	for _, d := range list {
		end := d.Return
		if d.Got == "" {
			end = last
		}
		all = append(all, porcupine.Operation{ClientId: d.Client, Input: d, Call: d.Call, Output: d.Got, Return: end})
	}
	return all
}

// worstResult returns the worst of all results.
func worstResult(all []verdict) porcupine.CheckResult {
	result := porcupine.Ok
	for _, v := range all {
		if v.result == porcupine.Illegal || result == porcupine.Ok {
			result = v.result
		}
	}
	return result
}

// saveFailure saves a rejected history, and a page for each rejected subject.
func saveFailure(c *history, all []verdict, folder, name string) error {
	errs := []error{c.save(filepath.Join(folder, name+".json"))}
	for i, v := range all {
		if v.result != porcupine.Ok {
			page := filepath.Join(folder, fmt.Sprintf("%s-%d.html", name, i))
			errs = append(errs, porcupine.VisualizePath(v.model, v.info, page))
		}
	}
	return errors.Join(errs...)
}
