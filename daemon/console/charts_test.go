package console_test

import (
	"context"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A slowConnector answers with an outcome after a time of the test's clock.
type slowConnector struct {
	now     *time.Time
	took    time.Duration
	outcome tasks.Outcome
}

func (c slowConnector) Do(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
	*c.now = c.now.Add(c.took)
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: c.outcome}
}

// deliver carries out an upgrade in the United States.
func (s fixture) deliver(code keys.Code, took time.Duration, outcome tasks.Outcome) {
	s.Helper()
	s.importKeys(code)
	s.upgrade(code, "T"+string(code))
	engine := s.engine
	engine.Now, engine.Connector = func() time.Time { return *s.now }, slowConnector{s.now, took, outcome}
	jobs, err := engine.Lease(s.Context(), "worker", 1, time.Minute)
	if err != nil || len(jobs) != 1 {
		s.Fatal(jobs, err)
	}
	if r := engine.Work(s.Context(), s.Context(), jobs[0]); r.Err != nil {
		s.Fatal(r.Err)
	}
}

// TestOverviewOfSales checks what the overview derives from the stored tasks: the outcomes by country and plan, those of
// the period before, the durations of attempts, and how long the stock lasts.
func TestOverviewOfSales(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importPlan("p", 10)
	s.deliver("A", 500*time.Millisecond, tasks.Success)
	s.deliver("B", time.Second, tasks.Success)
	s.deliver("C", 2*time.Minute, tasks.Success)
	s.deliver("D", 3*time.Second, tasks.WrongAddress)
	cookie := s.signIn()
	s.expect(s.get(200, "/", cookie), []string{
		"4 accepted", `<td class="n">4</td><td class="n">1.0` + "\u00a0" + `s</td><td class="n">2` + "\u00a0" + `min</td><td class="n">2` + "\u00a0" + `min</td>`,
		`<th scope="row">640` + "\u00a0" + `ms</th><td class="n" data-n="1">`, `<th scope="row">more</th><td class="n" data-n="1">`,
		`<td class="n">7</td><td class="n days">16</td>`,
	}, []string{">Low at<"})
	s.expect(s.get(200, "/console/stock", cookie), []string{
		`<td class="n">7</td><td class="n days">16</td><td class="n">0.4</td>`, `<a href="/?country=US&amp;range=7d">United States</a>`, ">Sold a day<",
	}, nil)
	for query, want := range map[string][]string{
		"?country=us":         {"4 accepted", "outcome=success&amp;since=", `href="/?country=US&amp;range=7d"`},
		"?plan=p&country=US":  {"4 accepted", "country=US&amp;outcome=success&amp;plan=p&amp;since="},
		"?country=DE":         {"0 accepted", "No task was accepted."},
		"?plan=q&range=7d":    {"0 accepted", "the last 7 days"},
		"?plan=%00%ff&range=": {"0 accepted"},
	} {
		s.expect(s.get(200, "/"+query, cookie), want, nil)
	}
	s.get(400, "/?country=USA", cookie)

	*s.now = s.now.Add(24 * time.Hour)
	cookie = s.signIn()
	s.expect(s.get(200, "/", cookie), []string{
		"0 accepted, 4 in the 24 hours before", `<b>0</b> <span class="faint">before 3</span>`, `<b>0</b> <span class="faint">before 1</span>`,
		"No task ended with its first attempt.",
	}, nil)
	*s.now = s.now.Add(7 * 24 * time.Hour)
	cookie = s.signIn()
	s.expect(s.get(200, "/", cookie), []string{`<td class="n">7</td><td class="n days">–</td>`}, []string{"Sold a day"})
	s.expect(s.get(200, "/console/stock", cookie), []string{`<td class="n days">–</td><td class="n">0</td>`}, nil)
}
