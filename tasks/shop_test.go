package tasks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A shop is an Engine with a memory store. The test controls its clock, its provider and its faults.
type shop struct {
	tasks.Engine
	store *memory.Store
	t     *testing.T
	now   time.Time
	ids   int

	provider func(tasks.ConnectorRequest) tasks.ConnectorResult
	orders   []tasks.ConnectorRequest

	applied []string // the ids of the changes, in the order of the calls
	applies []fault  // the faults of the next calls of Apply; nil: no fault
	views   []error  // the errors of the next calls of Snapshots; nil: no error
	vanish  bool     // from the next call of Snapshots on, the key does not exist
	pauses  []time.Duration
}

// A fault replaces a call of the store. The fault may make the call with the function apply, or not.
type fault func(apply func() ([]error, error)) ([]error, error)

const ttl = time.Minute

func open(t *testing.T) *shop {
	s := &shop{t: t, now: now}
	s.store = memory.New(func() time.Time { return s.now })
	s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult {
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
	}
	s.Engine = tasks.Engine{
		Store: awkward{s.store, s}, Connector: provider{s}, Sealer: box{}, Rules: tasks.DefaultRules(),
		NewID:  func() string { s.ids++; return fmt.Sprintf("id%d", s.ids) },
		Now:    func() time.Time { return s.now },
		Jitter: func() float64 { return 0 },
		Pause:  s.pause,
	}
	return s
}

func (s *shop) pause(ctx context.Context, d time.Duration) error {
	s.now, s.pauses = s.now.Add(d), append(s.pauses, d)
	return ctx.Err()
}

// key imports a key with the code K.
func (s *shop) key(k keys.Key) {
	s.t.Helper()
	k.Code = "K"
	if err := s.store.ImportKeys(s.t.Context(), adminstore.ImportBatch{Type: tasks.EventImported}, adminstore.Rows(k)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) plan(id string, country stock.Country, size int) {
	s.t.Helper()
	address, invite := id+" street", id+" link"
	edit := stock.PlanEdit{ID: id, Country: &country, Size: &size, Address: &address, Invite: &invite}
	if err := s.store.EditPlans(s.t.Context(), []stock.PlanEdit{edit}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) request(kind tasks.Kind) tasks.Request {
	return tasks.Request{
		Kind: kind, Code: "K", Country: "us",
		Account: tasks.Account{Login: tasks.NewSecret("ann"), Password: tasks.NewSecret(strongPassword)},
	}
}

// lease leases the only due task.
func (s *shop) lease() tasks.Job {
	s.t.Helper()
	jobs, err := s.Lease(s.t.Context(), "worker", 10, ttl)
	if err != nil || len(jobs) != 1 {
		s.t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	return jobs[0]
}

func (s *shop) work(job tasks.Job) tasks.Report { return s.Work(s.t.Context(), s.t.Context(), job) }

// view reads the key directly from the store, without faults.
func (s *shop) view() tasks.Snapshot {
	s.t.Helper()
	views, err := s.store.Snapshots(s.t.Context(), []keys.Code{"K"})
	if err != nil {
		s.t.Fatal(err)
	}
	return views[0]
}

// history returns the events of the key after its import.
func (s *shop) history() []tasks.Event {
	s.t.Helper()
	events, err := s.store.History(s.t.Context(), "K")
	if err != nil {
		s.t.Fatal(err)
	}
	return events[min(1, len(events)):]
}

func (s *shop) plans() []stock.Plan {
	s.t.Helper()
	plans, err := s.store.Plans(s.t.Context(), 0, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	return plans
}

// awkward is a store whose calls have the faults that its shop lists.
type awkward struct {
	*memory.Store
	s *shop
}

func (a awkward) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if len(a.s.views) > 0 {
		err := a.s.views[0]
		if a.s.views = a.s.views[1:]; err != nil {
			return nil, err
		}
	}
	if a.s.vanish {
		return []tasks.Snapshot{{At: a.s.now}}, nil
	}
	return a.Store.Snapshots(ctx, codes)
}

func (a awkward) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	views, err := a.Snapshots(ctx, codes)
	if err != nil {
		return nil, err
	}
	return []keys.Key{views[0].Key}, nil
}

func (a awkward) Stock(ctx context.Context) ([]stock.Level, error) {
	if len(a.s.views) > 0 {
		err := a.s.views[0]
		a.s.views = a.s.views[1:]
		return nil, err
	}
	return a.Store.Stock(ctx)
}

func (a awkward) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	a.s.applied = append(a.s.applied, changes[0].ID)
	apply := func() ([]error, error) { return a.Store.Apply(ctx, changes) }
	if len(a.s.applies) == 0 {
		return apply()
	}
	f := a.s.applies[0]
	a.s.applies = a.s.applies[1:]
	if f == nil {
		return apply()
	}
	return f(apply)
}

var errAway = errors.New("the store is away")

// callLost is the fault that a call does not reach the store.
func callLost(func() ([]error, error)) ([]error, error) { return nil, errAway }

// answerLost is the fault that the result of a call is lost.
func answerLost(apply func() ([]error, error)) ([]error, error) {
	_, _ = apply()
	return nil, errAway
}

// verdictOf returns the fault that the store is not called, and the change gets an error.
func verdictOf(err error) fault {
	return func(func() ([]error, error)) ([]error, error) { return []error{err}, nil }
}

type provider struct{ s *shop }

func (p provider) Do(_ context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	p.s.orders = append(p.s.orders, o)
	return p.s.provider(o)
}

// A box is a Sealer with a simple format, in which a test can read the bytes that an account is bound to.
type box struct{}

func (box) Seal(plain, bound []byte) ([]byte, error) {
	return slices.Concat(bound, []byte("\x00\x00"), scramble(plain)), nil
}

func (box) Open(sealed, bound []byte) ([]byte, error) {
	scrambled, found := bytes.CutPrefix(sealed, append(slices.Clone(bound), 0, 0))
	if !found {
		return nil, errors.New("it does not open")
	}
	return scramble(scrambled), nil
}

func scramble(b []byte) []byte {
	b = slices.Clone(b)
	for i := range b {
		b[i] ^= 0x5a
	}
	return b
}
