package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/faultinject"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A demoClock is the clock of a demo's store. While the demo stores the history of the last days, the clock shows a
// time in the past.
type demoClock struct{ behind atomic.Int64 } // nanoseconds

func (c *demoClock) Now() time.Time {
	return faultinject.Now().Add(-time.Duration(c.behind.Load()))
}

// A demoConnector is a simulator that leaves the tasks of two accounts without an outcome. While the demo makes its
// history, each call advances the clock by some seconds.
type demoConnector struct {
	tasks.Connector
	clock *demoClock // nil: a call does not move the clock, because the history is complete
}

const (
	pendingLogin = "pending@example.com" // the provider reports at every attempt that its work continues
	silentLogin  = "silent@example.com"  // the provider never responds
)

func (l demoConnector) Do(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
	if l.clock != nil {
		seconds := 0.3 + 4*rand.ExpFloat64() //nolint:gosec // no secret
		l.clock.behind.Add(-int64(seconds * float64(time.Second)))
	}
	switch r.Account.Login.Reveal() {
	case pendingLogin:
		return tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Minute, Note: "still at work"}
	case silentLogin:
		return tasks.ConnectorResult{Effect: tasks.Unknown, Note: "no response"}
	}
	return l.Connector.Do(ctx, r)
}

type demoKey struct {
	code        keys.Code
	description string
}

// seed fills the store with sample data: plans in several countries, a history, and a key in every state. It
// returns the keys for the user to try.
func seed(ctx context.Context, store *bunstore.Store, engine tasks.Engine, clock *demoClock) ([]demoKey, error) {
	if err := store.EditPlans(ctx, demoPlans()); err != nil {
		return nil, err
	}
	if err := seedHistory(ctx, store, engine, clock); err != nil {
		return nil, err
	}
	all, list := demoKeys()
	err := store.ImportKeys(ctx, adminstore.ImportBatch{ID: engine.NewID(), Type: tasks.EventImported, Note: "demo"}, seq.All(all))
	if err != nil {
		return nil, err
	}
	return list, engine.Accept(ctx, demoUpgrade(list[len(list)-1].code, "US", pendingLogin))
}

func demoUpgrade(code keys.Code, country, login string) tasks.Request {
	return tasks.Request{
		Kind: tasks.Upgrade, Code: code, Country: country,
		Account: tasks.Account{Login: tasks.NewSecret(login), Password: tasks.NewSecret("a password")},
	}
}

// demoCountries are the countries of the demo's plans. The plans take the countries in turn, so a country that is
// listed twice has twice as many plans.
var demoCountries = []stock.Country{"US", "DE", "JP", "TR", "US", "BR"}

func demoPlans() (edits []stock.PlanEdit) {
	for i := range 66 {
		edit := stock.NewPlanEdit(fmt.Sprintf("plan-%d", i+1), demoCountries[i%len(demoCountries)], 6)
		edit.Address = new(fmt.Sprintf("%d Example Street", i+1))
		edits = append(edits, edit)
	}
	return edits
}

const (
	demoDays  = 8
	demoHours = demoDays * 24
)

// seedHistory makes the history of the last days: it sells keys and carries out their upgrades, with a clock in the past.
func seedHistory(ctx context.Context, store *bunstore.Store, engine tasks.Engine, clock *demoClock) error {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same history in each demo
	defer clock.behind.Store(0)
	for hour := range demoHours {
		clock.behind.Store(int64(time.Duration(demoHours-hour) * time.Hour))
		n := demoSales(clock.Now(), random)
		if n > 0 {
			if err := sell(ctx, store, engine, clock, random, n); err != nil {
				return err
			}
		}
		jobs, err := engine.Lease(ctx, "demo", math.MaxInt16, time.Hour) // an hour, because each call advances the clock by some seconds, and no lease may end before its call
		if err != nil {
			return err
		}
		for _, job := range jobs {
			if r := engine.Work(ctx, ctx, job); r.Err != nil {
				return r.Err
			}
		}
	}
	return nil
}

// demoSales returns how many keys are used in an hour: most of them in the evening.
func demoSales(at time.Time, random *rand.Rand) int {
	busy := 1 - math.Cos(2*math.Pi*float64(at.Hour()-4)/24) // 0 to 2
	return int(busy*1.4 + 1.5*random.Float64())
}

// sell issues n keys, each for an order of its own, and accepts an upgrade for each key.
func sell(ctx context.Context, store *bunstore.Store, engine tasks.Engine, clock *demoClock, random *rand.Rand, n int) error {
	var sold []keys.Key
	for range n {
		order := fmt.Sprintf("order-%d", 100000+random.IntN(900000))
		sold = append(sold, daemon.IssueKeys(1, order, clock.Now().Add(-time.Duration(random.IntN(72))*time.Hour))...)
	}
	batch := adminstore.ImportBatch{ID: engine.NewID(), Type: tasks.EventIssued, Note: "demo"}
	if err := store.ImportKeys(ctx, batch, seq.All(sold)); err != nil {
		return err
	}
	for _, key := range sold {
		country := demoCountries[random.IntN(len(demoCountries))]
		if err := engine.Accept(ctx, demoUpgrade(key.Code, string(country), demoLogin(random))); err != nil {
			return err
		}
	}
	return nil
}

// demoLogin returns a random login. The upgrades of most logins succeed.
func demoLogin(random *rand.Rand) string {
	name := fmt.Sprintf("customer%d", random.IntN(1000))
	switch p := random.IntN(240); {
	case p < 20:
		name = string(tasks.InvalidCredentials)
	case p < 32:
		name = string(tasks.AlreadyPremium)
	case p < 35:
		return silentLogin
	case p < 36:
		name = string(tasks.PlanFull)
	}
	return name + "@example.com"
}

// demoKeys returns a key for every state. The caller accepts an upgrade for the last key, so that its task is in the
// queue.
func demoKeys() ([]keys.Key, []demoKey) {
	bought := time.Now().Add(-60 * 24 * time.Hour)
	used := bought.Add(24 * time.Hour)
	states := []struct {
		what string
		key  keys.Key
	}{
		{"fresh: upgrade it", keys.Key{Status: keys.Active}},
		{"fresh too", keys.Key{Status: keys.Active}},
		{"in use: renew it", keys.Key{Status: keys.Success, Used: true, UsedDate: used, Username: "someone", VerifyAddress: "1 Example Street"}},
		{"its upgrade failed", keys.Key{Status: keys.FailedUpgrade, Message: tasks.WrongAddress.Message(tasks.Upgrade)}},
		{"renewed", keys.Key{Status: keys.SuccessRenew, UsedDate: used, Message: tasks.Success.Message(tasks.Renew)}},
		{"its renew failed", keys.Key{Status: keys.Failed, Used: true, UsedDate: used, Message: tasks.StillPremium.Message(tasks.Renew)}},
		{"used with the old system", keys.Key{Status: keys.Active, Used: true, Invite: "an-invite", Address: "2 Example Street"}},
		{"revoked", keys.Key{Status: keys.Active, Revoked: true}},
		{"in the queue", keys.Key{Status: keys.Active}},
	}
	var all []keys.Key
	var list []demoKey
	for i, issued := range daemon.IssueKeys(len(states), "demo", bought) {
		key := states[i].key
		key.Code, key.PurchaseDate, key.OrderID = issued.Code, issued.PurchaseDate, issued.OrderID
		all, list = append(all, key), append(list, demoKey{key.Code, states[i].what})
	}
	return all, list
}
