package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// RunOutbox tests whether a store keeps the contract of [tasks.Outbox].
func RunOutbox(t *testing.T, open func(t testing.TB) OutboxStore) {
	for _, c := range outboxCases {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			c.run(outbox{newFixture(t, s), s})
		})
	}
}

// An OutboxStore is a store with an outbox.
type OutboxStore interface {
	Store
	tasks.Outbox
}

// An outbox is a fixture with the outbox of its store.
type outbox struct {
	fixture
	tasks.Outbox
}

var outboxCases = []struct {
	name string
	run  func(f outbox)
}{
	{"Outbox/what came before a listener is not kept", outboxBefore},
	{"Outbox/each line once, for each listener", outboxRoutes},
	{"Outbox/mail is leased to one", outboxLeases},
	{"Outbox/a lease that is not ours any more", outboxFenced},
	{"Outbox/due later", outboxDue},
	{"Outbox/what comes while mail is leased", outboxMeanwhile},
	{"Outbox/a key that has been told all comes back from its next line", outboxComesBack},
	{"Outbox/a long history comes in parts", outboxLong},
	{"Outbox/one that is gone", outboxGone},
	{"Outbox/low stock", outboxLow},
	{"Outbox/rewound", outboxRewound},
	{"Outbox/listeners are forgotten", outboxForgets},
	{"Outbox/one is struck off", outboxStruck},
	{"Outbox/many writers, many workers", outboxCrowd},
}

// told lists the event types that the cases route.
var told = []tasks.EventType{tasks.EventIssued, tasks.EventRevoked, tasks.EventEnded}

func (f outbox) listen(names ...string) {
	f.Helper()
	f.must(f.Subscribe(f.ctx, names, ttl))
}

// revoke revokes keys. Each revocation is one history entry that the cases route.
func (f outbox) revoke(codes ...keys.Code) {
	f.Helper()
	for _, code := range codes {
		c, err := tasks.Revoke(f.view(code), id())
		f.must(err)
		f.must(f.apply(c))
	}
}

// restore restores a key. This is one history entry of a type for which no delivery is queued.
func (f outbox) restore(code keys.Code) {
	f.Helper()
	c, err := tasks.Restore(f.view(code), id())
	f.must(err)
	f.must(f.apply(c))
}

// route routes all unrouted history entries and returns their number.
func (f outbox) route() (all int) {
	f.Helper()
	for {
		n, err := f.Route(f.ctx, told, 3)
		f.must(err)
		if all += n; n == 0 {
			return all
		}
	}
}

func (f outbox) collect(listener string) []tasks.QueuedDelivery {
	f.Helper()
	all, err := f.LeaseDeliveries(f.ctx, listener, id(), 100, ttl)
	f.must(err)
	return all
}

// one leases the only queued delivery of a subscriber.
func (f outbox) one(listener string) tasks.QueuedDelivery {
	f.Helper()
	all := f.collect(listener)
	if len(all) != 1 {
		f.Fatalf("collected %d mails, want 1: %v", len(all), all)
	}
	return all[0]
}

// causes returns the event types of the entries of a queued delivery.
func causes(m tasks.QueuedDelivery) string {
	var all []string
	for _, l := range m.Entries {
		all = append(all, string(l.Type))
	}
	return strings.Join(all, " ")
}

// done returns the queued delivery with all its entries delivered.
func done(m tasks.QueuedDelivery) tasks.QueuedDelivery {
	m.DeliveredSeq = m.Entries[len(m.Entries)-1].Seq
	return m
}

func outboxBefore(f outbox) {
	f.issue("A", "B")
	f.revoke("A")
	f.want("routed with nobody there", f.route(), 0)
	f.listen("L")
	f.want("routed", f.route(), 0)
	f.want("mail", len(f.collect("L")), 0)
	f.revoke("A")
	f.want("routed", f.route(), 1)
	f.want("mail", causes(f.one("L")), "revoked")
}

func outboxRoutes(f outbox) {
	f.listen("L", "M")
	f.must(f.batch(tasks.ImportBatch{ID: "order", Type: tasks.EventIssued}, keys.Key{Code: "A", Status: keys.Active}))
	f.issue("B")
	f.restore("A")
	f.revoke("A")
	f.want("routed", f.route(), 4)
	f.want("again", f.route(), 0)
	for _, name := range []string{"L", "M"} {
		m := f.one(name)
		f.want("whose", []any{m.Subscriber, m.Code, m.Country}, []any{name, "A", ""})
		f.want("lines", causes(m), "issued restored revoked")
		f.want("batch", []any{m.Entries[0].Change, m.Entries[0].N}, []any{"order", 0})
		f.want("place", []int64{m.DeliveredSeq, m.LastSeq}, []int64{m.Entries[0].Seq - 1, m.Entries[2].Seq})
		f.want("since", m.At.Sub(m.Since) < time.Minute && !m.Since.IsZero(), true)
	}
	history, err := f.History(f.ctx, "A")
	f.must(err)
	f.want("history", len(history), 3)
}

func outboxLeases(f outbox) {
	f.listen("L")
	f.issue("A", "B", "C")
	f.revoke("B")
	f.route()
	f.revoke("A", "C")
	f.route()
	first, err := f.LeaseDeliveries(f.ctx, "L", id(), 2, ttl)
	f.must(err)
	f.want("first", len(first), 2)
	f.want("longest due", slices.ContainsFunc(first, func(m tasks.QueuedDelivery) bool { return m.Code == "B" }), true)
	f.want("rest", len(f.collect("L")), 1)
	f.want("none left", len(f.collect("L")), 0)
	f.want("nobody", len(f.collect("X")), 0)
}

func outboxFenced(f outbox) {
	f.listen("L")
	f.issue("A")
	f.revoke("A")
	f.route()
	stale, err := f.LeaseDeliveries(f.ctx, "L", id(), 1, brief)
	f.must(err)
	f.want("stale", len(stale), 1)
	m := f.one("L")
	f.want("the same", []any{m.DeliveredSeq, m.LastSeq, causes(m)}, []any{stale[0].DeliveredSeq, stale[0].LastSeq, causes(stale[0])})
	f.want("late", f.CompleteDelivery(f.ctx, done(stale[0]), &tasks.Delivery{At: m.At, Subscriber: "L", Event: "e", Result: tasks.Delivered}), tasks.ErrFenced)
	logged, err := f.Deliveries(f.ctx, "L", "e", 0, 9)
	f.must(err)
	f.want("logged all the same", len(logged), 1)
	gone := &tasks.Delivery{At: m.At, Subscriber: "L", Event: "e", Result: tasks.SubscriberGone}
	f.want("late and gone", f.CompleteDelivery(f.ctx, done(stale[0]), gone), tasks.ErrFenced)
	f.revoke("A")
	f.route()
	f.want("still told", f.CompleteDelivery(f.ctx, done(m), nil), nil)
	m = f.one("L")
	f.must(f.CompleteDelivery(f.ctx, done(m), nil))
	f.want("twice", f.CompleteDelivery(f.ctx, done(m), nil), tasks.ErrFenced)
	f.want("none left", len(f.collect("L")), 0)
}

func outboxDue(f outbox) {
	f.listen("L")
	f.issue("A")
	f.revoke("A")
	f.route()
	m := f.one("L")
	m.Attempts, m.DeliveredEvent, m.DueAt = 3, 1, m.At.Add(time.Hour)
	f.must(f.CompleteDelivery(f.ctx, m, nil))
	f.want("not yet", len(f.collect("L")), 0)
	f.revoke("A")
	f.route()
	f.want("what is new does not hurry it", len(f.collect("L")), 0)
	n, err := f.Replay(f.ctx, tasks.Replay{Subscriber: "L", Code: "A", After: m.DeliveredSeq, Causes: told})
	f.must(err)
	f.want("rewound", n, 1)
	again := f.one("L")
	f.want("afresh", []any{again.Attempts, again.DeliveredEvent, causes(again)}, []any{0, 0, "revoked revoked"})
	again.Attempts, again.DeliveredEvent, again.DueAt = 2, 1, again.At
	f.must(f.CompleteDelivery(f.ctx, again, nil))
	last := f.one("L")
	f.want("kept", []any{last.Attempts, last.DeliveredEvent, last.Since, last.DueAt}, []any{2, 1, again.Since, again.At})
}

func outboxMeanwhile(f outbox) {
	f.listen("L")
	f.issue("A")
	f.revoke("A")
	f.route()
	m := f.one("L")
	f.revoke("A")
	f.route()
	f.want("leased", len(f.collect("L")), 0)
	f.must(f.CompleteDelivery(f.ctx, done(m), nil))
	next := f.one("L")
	f.want("told", next.DeliveredSeq, m.LastSeq)
	f.want("lines", causes(next), "revoked")
}

func outboxComesBack(f outbox) {
	f.listen("L")
	f.issue("A")
	f.revoke("A")
	f.route()
	f.must(f.CompleteDelivery(f.ctx, done(f.one("L")), nil))
	f.restore("A")
	f.route()
	f.want("nothing to tell", len(f.collect("L")), 0)
	f.revoke("A")
	f.route()
	f.want("lines", causes(f.one("L")), "revoked")
}

func outboxLong(f outbox) {
	f.listen("L")
	f.issue("A")
	for range tasks.MaxEntries + 2 {
		f.revoke("A")
	}
	f.route()
	m := f.one("L")
	f.want("part", len(m.Entries), tasks.MaxEntries)
	f.must(f.CompleteDelivery(f.ctx, done(m), nil))
	f.want("rest", len(f.one("L").Entries), 2)
}
