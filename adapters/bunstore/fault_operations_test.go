package bunstore_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/archive"
	"github.com/keyseat/keyseat/tasks/outbox"
	"github.com/keyseat/keyseat/tasks/stats"
)

// An operation is a call of the store. prepare prepares the database and returns the call. A test repeats the
// call until it returns no error. The call also checks its own results.
type operation struct {
	name    string
	imports bool // the store does not run it again, because its input can be read only once; on Postgres it bypasses database/sql
	still   bool // a dump shows no effect
	anew    bool // each call has a new effect
	repeats bool // a distributed store runs it again, although it is not a transaction
	prepare func(l *lab) func(s *bunstore.Store) error
}

func operations() []operation {
	return append(append(append(changing(), leasing()...), reading()...), append(delivering(), managing()...)...)
}

// applying applies changes. Their errors must be the wanted ones each time.
func applying(decide func(l *lab) []tasks.Change, want ...error) func(l *lab) func(s *bunstore.Store) error {
	return func(l *lab) func(s *bunstore.Store) error {
		changes := decide(l)
		return func(s *bunstore.Store) error {
			verdicts, err := s.Apply(l.life, changes)
			if err != nil {
				return err
			}
			for i, verdict := range verdicts {
				if !errors.Is(verdict, want[i]) {
					l.Errorf("the verdict on change %d is %v, want %v", i, verdict, want[i])
				}
			}
			return nil
		}
	}
}

// changing returns the operations that change a key.
func changing() []operation {
	rules := tasks.DefaultRules()
	hasty := rules
	hasty.Attempts = 1
	settled := func(o tasks.Outcome) tasks.ConnectorResult {
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: o}
	}
	settling := func(r tasks.Rules, a tasks.ConnectorResult) func(l *lab) func(s *bunstore.Store) error {
		return applying(func(l *lab) []tasks.Change { return []tasks.Change{l.settle(r, a)} }, nil)
	}
	return []operation{
		{name: "accept", prepare: applying(func(l *lab) []tasks.Change { return l.accept(1) }, nil)},
		{name: "accept three, one in vain", prepare: applying(func(l *lab) []tasks.Change {
			changes := l.accept(3)
			changes[1].Key.Version++
			return changes
		}, nil, tasks.ErrConflict, nil)},
		{name: "accept two for one slot", prepare: applying(func(l *lab) []tasks.Change {
			changes := l.accept(2)
			l.edit("p", 1)
			l.edit("q", 0)
			return changes
		}, nil, stock.ErrOutOfStock)},
		{name: "out of stock", prepare: applying((*lab).outOfStock, nil)},
		{name: "settle success", prepare: settling(rules, settled(tasks.Success))},
		{name: "settle failure", prepare: settling(rules, settled(tasks.WrongAddress))},
		{name: "settle retry", prepare: settling(rules, tasks.ConnectorResult{})},
		{name: "settle suspect", prepare: settling(hasty, tasks.ConnectorResult{})},
		{name: "next plan", prepare: settling(rules, settled(tasks.PlanFull))},
		{name: "end and begin", prepare: applying((*lab).endAndBegin, nil, nil)},
		{name: "revoke", prepare: applying(func(l *lab) []tasks.Change {
			l.accept(1)
			return l.decided(tasks.Revoke(l.view(), id()))
		}, nil)},
		{name: "resolve", prepare: applying(func(l *lab) []tasks.Change {
			apply(l, l.plain, l.settle(hasty, tasks.ConnectorResult{}))
			return l.decided(tasks.Resolve(l.view(), tasks.Success, id()))
		}, nil)},
	}
}

// accept stores n keys and two plans, and returns changes that accept an upgrade of each key.
func (l *lab) accept(n int) []tasks.Change {
	l.Helper()
	fill(l, l.plain, n)
	l.edit("q", n)
	return upgrades(l, l.plain, n)
}

func (l *lab) edit(plan string, size int) {
	l.Helper()
	country := stock.Country("US")
	if err := l.plain.EditPlans(l.life, []stock.PlanEdit{{ID: plan, Country: &country, Size: &size}}); err != nil {
		l.Fatal(err)
	}
}

// decided returns the change of a decision, which must not fail.
func (l *lab) decided(c tasks.Change, err error) []tasks.Change {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
	return []tasks.Change{c}
}

// view returns a snapshot of the first key.
func (l *lab) view() tasks.Snapshot {
	l.Helper()
	views, err := l.plain.Snapshots(l.life, []keys.Code{code("K", 0)})
	if err != nil {
		l.Fatal(err)
	}
	return views[0]
}

// leased returns a task that was accepted and leased.
func (l *lab) leased() tasks.Snapshot {
	l.Helper()
	apply(l, l.plain, l.accept(1)...)
	views, err := l.plain.Lease(l.life, "w", 1, time.Hour)
	if err != nil || len(views) != 1 {
		l.Fatal(views, err)
	}
	return views[0]
}

func (l *lab) settle(r tasks.Rules, a tasks.ConnectorResult) tasks.Change {
	l.Helper()
	v := l.leased()
	return r.Settle(v, tasks.Attempt{Sent: v.At, Result: a}, id(), false)
}

func (l *lab) outOfStock() []tasks.Change {
	l.Helper()
	l.accept(1)
	return l.decided(tasks.DefaultRules().Accept(l.view(), tasks.Request{
		Kind: tasks.Upgrade, Code: code("K", 0), Country: "US",
		Account: tasks.Account{Login: tasks.NewSecret("a"), Password: tasks.NewSecret("b")},
	}, id(), true))
}

// endAndBegin returns two changes of one key. The second one is based on the result of the first.
func (l *lab) endAndBegin() []tasks.Change {
	l.Helper()
	v := l.leased()
	end := tasks.DefaultRules().Settle(v, tasks.Attempt{
		Sent: v.At, Result: tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.WrongAddress},
	}, id(), false)
	key, task := *end.Key, *end.Task
	key.Version++
	return []tasks.Change{end, upgrade(l, tasks.Snapshot{At: v.At, Key: key, Task: &task})}
}

// leasing returns the operations on leases. If the result of a lease was lost, the call waits until it expires.
func leasing() []operation {
	return []operation{
		{name: "lease", anew: true, repeats: true, prepare: func(l *lab) func(s *bunstore.Store) error {
			apply(l, l.plain, l.accept(1)...)
			known := int64(0)
			return func(s *bunstore.Store) error {
				for l.life.Err() == nil {
					views, err := s.Lease(l.life, "w", 1, time.Millisecond)
					if err != nil {
						return err
					}
					if len(views) == 0 {
						time.Sleep(time.Millisecond) // the duration of a lease
						continue
					}
					task := views[0].Task
					if task.Fence <= known || int64(task.LostLeases) != task.Fence-1 {
						l.Errorf("the fence is %d after %d, %d leases were lost", task.Fence, known, task.LostLeases)
					}
					known = task.Fence
					return nil
				}
				return l.life.Err()
			}
		}},
		{name: "extend", still: true, repeats: true, prepare: extending(time.Hour)},
		{name: "return a lease", repeats: true, prepare: extending(0, tasks.ErrFenced)},
	}
}

// extending extends a lease. The result may also be one of the errors or.
func extending(ttl time.Duration, or ...error) func(l *lab) func(s *bunstore.Store) error {
	return func(l *lab) func(s *bunstore.Store) error {
		ref := l.leased().Task.Ref()
		return func(s *bunstore.Store) error {
			verdicts, err := s.Extend(l.life, []tasks.Ref{ref}, ttl)
			if err != nil {
				return err
			}
			l.among(verdicts[0], or...)
			return nil
		}
	}
}

// among checks that a verdict is nil, or one of the errors that mean that an earlier call took effect.
func (l *lab) among(verdict error, or ...error) {
	l.Helper()
	for _, known := range or {
		if errors.Is(verdict, known) {
			return
		}
	}
	if verdict != nil {
		l.Errorf("the verdict is %v", verdict)
	}
}

// reading returns the operations that only read.
func reading() []operation {
	return []operation{
		{name: "view", still: true, prepare: func(l *lab) func(s *bunstore.Store) error {
			task := l.leased().Task
			return func(s *bunstore.Store) error {
				views, err := s.Snapshots(l.life, []keys.Code{task.Code, "nobody", task.Code})
				if err != nil {
					return err
				}
				if views[0].Task == nil || views[0].Task.ID != task.ID || views[1].Key.Exists() || views[2].Key != views[0].Key {
					l.Errorf("viewed %+v", views)
				}
				return nil
			}
		}},
		{name: "find", still: true, prepare: func(l *lab) func(s *bunstore.Store) error {
			code := l.leased().Task.Code
			return func(s *bunstore.Store) error {
				found, err := s.Find(l.life, []keys.Code{code, "nobody", code})
				if err != nil {
					return err
				}
				if !found[0].Exists() || found[1].Exists() || found[2] != found[0] {
					l.Errorf("found %+v", found)
				}
				return nil
			}
		}},
		{name: "count by hour", still: true, prepare: func(l *lab) func(s *bunstore.Store) error {
			task := l.leased().Task
			return func(s *bunstore.Store) error {
				all, err := s.CountByHour(l.life, task.CreatedAt.Add(-time.Hour), 2, stats.Filter{})
				if err != nil {
					return err
				}
				if len(all) != 1 || all[0] != (stats.HourCount{Hour: 1, Kind: task.Kind, Tasks: 1}) {
					l.Errorf("counted %+v", all)
				}
				return nil
			}
		}},
		{name: "stock", still: true, prepare: func(l *lab) func(s *bunstore.Store) error {
			l.leased()
			return func(s *bunstore.Store) error {
				levels, err := s.Stock(l.life)
				if err != nil {
					return err
				}
				if len(levels) != 1 || levels[0].Size != 2 || levels[0].Held != 1 || levels[0].Free != 1 {
					l.Errorf("in stock: %+v", levels)
				}
				return nil
			}
		}},
	}
}

// managing returns the operations of the AdminStore and the Inspector.
func managing() []operation {
	us, fr, three, five := stock.Country("US"), stock.Country("FR"), 3, 5
	return []operation{
		{name: "import keys", imports: true, prepare: func(l *lab) func(s *bunstore.Store) error {
			fill(l, l.plain, 1)
			batch := imported()
			return func(s *bunstore.Store) error {
				err := s.ImportKeys(l.life, batch, someKeys("N", 600))
				if errors.Is(err, adminstore.ErrBatch) {
					return nil
				}
				return err
			}
		}},
		{name: "import a key that exists", imports: true, still: true, prepare: func(l *lab) func(s *bunstore.Store) error {
			fill(l, l.plain, 1)
			return func(s *bunstore.Store) error {
				err := s.ImportKeys(l.life, imported(), with(someKeys("N", 2), 2, code("K", 0)))
				if fault, found := errors.AsType[adminstore.RowError](err); found && fault.Row == 2 {
					return nil
				}
				return fmt.Errorf("imported with %w", err)
			}
		}},
		{name: "edit plans", prepare: func(l *lab) func(s *bunstore.Store) error {
			fill(l, l.plain, 1)
			edits := []stock.PlanEdit{{ID: "p", Size: &three}, {ID: "new", Country: &fr, Size: &five}, {ID: "old", Country: &us, Size: &five}}
			return func(s *bunstore.Store) error { return s.EditPlans(l.life, edits) }
		}},
		{name: "record an action", prepare: func(l *lab) func(s *bunstore.Store) error {
			return func(s *bunstore.Store) error {
				return s.RecordActivity(l.life, activity.Entry{ID: "e", Actor: "ann", Action: activity.SignIn})
			}
		}},
		{name: "archive", prepare: archiving},
		{name: "fix counters", prepare: func(l *lab) func(s *bunstore.Store) error {
			l.leased()
			if _, err := l.db.ExecContext(l.life, "UPDATE keyseat_plans SET spent = held, held = 0"); err != nil {
				l.Fatal(err)
			}
			tallies, err := l.plain.PlanAudits(l.life)
			if err != nil {
				l.Fatal(err)
			}
			c, err := tallies[0].FixCounters(id())
			if err != nil {
				l.Fatal(err)
			}
			return func(s *bunstore.Store) error {
				err := s.FixCounters(l.life, c)
				if errors.Is(err, tasks.ErrConflict) {
					return nil
				}
				return err
			}
		}},
	}
}

// archiving archives a task and its history, and keeps the archived rows of every run. While a broken
// connection still holds the lock of the key, the call tries again.
func archiving(l *lab) func(s *bunstore.Store) error {
	apply(l, l.plain, l.settle(tasks.DefaultRules(), tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.WrongAddress}))
	task := l.view().Task
	stays := tasks.Event{At: task.EndedAt, Type: tasks.EventArchived, Code: task.Code}
	cuts := []archive.Plan{{ID: id(), Code: task.Code, Lines: 3, Tasks: []string{task.ID}, Summary: []tasks.Event{stays}}}
	kept := archive.Rows{}
	keep := func(p archive.Rows) error {
		if len(p.Lines) > 0 {
			kept = p
		}
		return nil
	}
	return func(s *bunstore.Store) error {
		for l.life.Err() == nil {
			verdicts, err := s.Archive(l.life, cuts, keep)
			if err != nil {
				return err
			}
			l.among(verdicts[0], tasks.ErrConflict)
			if left, err := l.plain.History(l.life, task.Code); err != nil || len(left) == 3 {
				time.Sleep(time.Millisecond) // until PostgreSQL detects the broken connection
				continue
			}
			if len(kept.Tasks) != 1 || len(kept.Lines) != 3 || kept.Tasks[0].ID != task.ID {
				l.Errorf("kept %+v", kept)
			}
			return nil
		}
		return l.life.Err()
	}
}

// delivering returns the operations of the Outbox.
func delivering() []operation {
	causes := []tasks.EventType{tasks.EventAccepted}
	subscribed := func(steps int, call func(l *lab, s *bunstore.Store) error) func(l *lab) func(s *bunstore.Store) error {
		return func(l *lab) func(s *bunstore.Store) error {
			l.post(causes, steps)
			return func(s *bunstore.Store) error { return call(l, s) }
		}
	}
	const enlisted, written, routed = 1, 2, 3
	return []operation{
		{name: "subscribe", prepare: subscribed(0, func(l *lab, s *bunstore.Store) error {
			return s.Subscribe(l.life, []string{"L", "M"}, time.Hour)
		})},
		{name: "route", prepare: subscribed(written, func(l *lab, s *bunstore.Store) error {
			_, err := s.Route(l.life, causes, 9)
			return err
		})},
		{name: "lease deliveries", prepare: subscribed(routed, func(l *lab, s *bunstore.Store) error {
			for l.life.Err() == nil {
				if all, err := s.LeaseDeliveries(l.life, "L", "lease", 9, time.Millisecond); err != nil || len(all) == 1 && len(all[0].Entries) > 0 {
					return err
				}
				time.Sleep(time.Millisecond) // the duration of a lease whose result was lost
			}
			return l.life.Err()
		})},
		{name: "complete a delivery", prepare: func(l *lab) func(s *bunstore.Store) error {
			l.post(causes, routed)
			all, err := l.plain.LeaseDeliveries(l.life, "L", "lease", 9, time.Hour)
			if err != nil || len(all) != 1 {
				l.Fatal(all, err)
			}
			mail := all[0]
			mail.DeliveredSeq = mail.LastSeq
			return func(s *bunstore.Store) error {
				err := s.CompleteDelivery(l.life, mail, nil)
				if errors.Is(err, tasks.ErrFenced) {
					return nil
				}
				return err
			}
		}},
		{name: "replay", prepare: subscribed(written, func(l *lab, s *bunstore.Store) error {
			_, err := s.Replay(l.life, outbox.Replay{Subscriber: "L", Causes: causes})
			return err
		})},
		{name: "set low stock", prepare: subscribed(enlisted, func(l *lab, s *bunstore.Store) error {
			return s.SetLowStock(l.life, "L", []stock.Country{"US", "FR"}, 7)
		})},
		{name: "unsubscribe", prepare: subscribed(routed, func(l *lab, s *bunstore.Store) error {
			err := s.Unsubscribe(l.life, "L")
			if errors.Is(err, outbox.ErrNoSubscriber) {
				return nil
			}
			return err
		})},
	}
}

// post subscribes L, accepts a task and routes its history entry. It stops after the given number of steps.
func (l *lab) post(causes []tasks.EventType, steps int) {
	l.Helper()
	for step, do := range []func() error{
		func() error { return l.plain.Subscribe(l.life, []string{"L"}, time.Hour) },
		func() error { apply(l, l.plain, l.accept(1)...); return nil },
		func() error { _, err := l.plain.Route(l.life, causes, 9); return err },
	} {
		if step < steps {
			if err := do(); err != nil {
				l.Fatal(err)
			}
		}
	}
}
