package storetest

import (
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/outbox"
)

func outboxBefore(f outboxFixture) {
	f.issue("A", "B")
	f.revoke("A")
	f.want("routed without a subscriber", f.route(), 0)
	f.subscribe("L")
	f.want("routed", f.route(), 0)
	f.want("deliveries", len(f.leaseAll("L")), 0)
	f.revoke("A")
	f.want("routed", f.route(), 1)
	f.want("entries", eventTypes(f.leaseOne("L")), "revoked")
}

func outboxRoutes(f outboxFixture) {
	f.subscribe("L", "M")
	f.must(f.batch(adminstore.ImportBatch{ID: "order", Type: tasks.EventIssued}, keys.Key{Code: "A", Status: keys.Active}))
	f.issue("B")
	f.restore("A")
	f.revoke("A")
	f.want("routed", f.route(), 4)
	f.want("again", f.route(), 0)
	for _, name := range []string{"L", "M"} {
		m := f.leaseOne(name)
		f.want("key", []any{m.Subscriber, m.Code, m.Country}, []any{name, "A", ""})
		f.want("entries", eventTypes(m), "issued restored revoked")
		f.want("batch", []any{m.Entries[0].Change, m.Entries[0].N}, []any{"order", 0})
		f.want("position", []int64{m.DeliveredSeq, m.LastSeq}, []int64{m.Entries[0].Seq - 1, m.Entries[2].Seq})
		f.want("since", m.At.Sub(m.Since) < time.Minute && !m.Since.IsZero(), true)
	}
	history, err := f.History(f.ctx, "A")
	f.must(err)
	f.want("history", len(history), 3)
}

func outboxLeases(f outboxFixture) {
	f.subscribe("L")
	f.issue("A", "B", "C")
	f.revoke("B")
	f.route()
	f.revoke("A", "C")
	f.route()
	first, err := f.LeaseDeliveries(f.ctx, "L", id(), 2, ttl)
	f.must(err)
	f.want("first", len(first), 2)
	f.want("longest due", slices.ContainsFunc(first, func(m outbox.QueuedDelivery) bool { return m.Code == "B" }), true)
	f.want("rest", len(f.leaseAll("L")), 1)
	f.want("none left", len(f.leaseAll("L")), 0)
	f.want("no subscriber", len(f.leaseAll("X")), 0)
}

func outboxFenced(f outboxFixture) {
	f.subscribe("L")
	f.issue("A")
	f.revoke("A")
	f.route()
	stale, err := f.LeaseDeliveries(f.ctx, "L", id(), 1, briefTTL)
	f.must(err)
	f.want("stale", len(stale), 1)
	m := f.leaseOne("L")
	f.want("the same", []any{m.DeliveredSeq, m.LastSeq, eventTypes(m)}, []any{stale[0].DeliveredSeq, stale[0].LastSeq, eventTypes(stale[0])})
	f.want("late", f.CompleteDelivery(f.ctx, allDelivered(stale[0]), &outbox.Delivery{At: m.At, Subscriber: "L", Event: "e", Result: outbox.Delivered}), tasks.ErrFenced)
	logged, err := f.Deliveries(f.ctx, "L", "e", 0, 9)
	f.must(err)
	f.want("logged nevertheless", len(logged), 1)
	gone := &outbox.Delivery{At: m.At, Subscriber: "L", Event: "e", Result: outbox.SubscriberGone}
	f.want("late and gone", f.CompleteDelivery(f.ctx, allDelivered(stale[0]), gone), tasks.ErrFenced)
	f.revoke("A")
	f.route()
	f.want("the later lease", f.CompleteDelivery(f.ctx, allDelivered(m), nil), nil)
	m = f.leaseOne("L")
	f.must(f.CompleteDelivery(f.ctx, allDelivered(m), nil))
	f.want("twice", f.CompleteDelivery(f.ctx, allDelivered(m), nil), tasks.ErrFenced)
	f.want("none left", len(f.leaseAll("L")), 0)
}

func outboxDue(f outboxFixture) {
	f.subscribe("L")
	f.issue("A")
	f.revoke("A")
	f.route()
	m := f.leaseOne("L")
	m.Attempts, m.DeliveredEvent, m.DueAt = 3, 1, m.At.Add(time.Hour)
	f.must(f.CompleteDelivery(f.ctx, m, nil))
	f.want("not yet", len(f.leaseAll("L")), 0)
	f.revoke("A")
	f.route()
	f.want("a new event does not make it due earlier", len(f.leaseAll("L")), 0)
	n, err := f.Replay(f.ctx, outbox.Replay{Subscriber: "L", Code: "A", After: m.DeliveredSeq, Causes: routedTypes})
	f.must(err)
	f.want("replayed", n, 1)
	again := f.leaseOne("L")
	f.want("starts again", []any{again.Attempts, again.DeliveredEvent, eventTypes(again)}, []any{0, 0, "revoked revoked"})
	again.Attempts, again.DeliveredEvent, again.DueAt = 2, 1, again.At
	f.must(f.CompleteDelivery(f.ctx, again, nil))
	last := f.leaseOne("L")
	f.want("stored", []any{last.Attempts, last.DeliveredEvent, last.Since, last.DueAt}, []any{2, 1, again.Since, again.At})
}

func outboxMeanwhile(f outboxFixture) {
	f.subscribe("L")
	f.issue("A")
	f.revoke("A")
	f.route()
	m := f.leaseOne("L")
	f.revoke("A")
	f.route()
	f.want("leased", len(f.leaseAll("L")), 0)
	f.must(f.CompleteDelivery(f.ctx, allDelivered(m), nil))
	next := f.leaseOne("L")
	f.want("delivered", next.DeliveredSeq, m.LastSeq)
	f.want("entries", eventTypes(next), "revoked")
}

func outboxRequeue(f outboxFixture) {
	f.subscribe("L")
	f.issue("A")
	f.revoke("A")
	f.route()
	f.must(f.CompleteDelivery(f.ctx, allDelivered(f.leaseOne("L")), nil))
	f.restore("A")
	f.route()
	f.want("no event to deliver", len(f.leaseAll("L")), 0)
	f.revoke("A")
	f.route()
	f.want("entries", eventTypes(f.leaseOne("L")), "revoked")
}

func outboxLong(f outboxFixture) {
	f.subscribe("L")
	f.issue("A")
	for range outbox.MaxEntries + 2 {
		f.revoke("A")
	}
	f.route()
	m := f.leaseOne("L")
	f.want("part", len(m.Entries), outbox.MaxEntries)
	f.must(f.CompleteDelivery(f.ctx, allDelivered(m), nil))
	f.want("rest", len(f.leaseOne("L").Entries), 2)
}
