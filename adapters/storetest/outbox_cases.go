package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/outbox"
)

var outboxCases = []testCase[outboxFixture]{
	{"Outbox/events before a subscription are not queued", func(f outboxFixture) {
		f.issue("A", "B")
		f.revoke("A")
		f.want("routed without a subscriber", f.route(), 0)
		f.subscribe("L")
		f.want("routed", f.route(), 0)
		f.want("deliveries", len(f.leaseAll("L")), 0)
		f.revoke("A")
		f.want("routed", f.route(), 1)
		f.want("entries", eventTypes(f.leaseOne("L")), "revoked")
	}},
	{"Outbox/each event is queued once for each subscriber", func(f outboxFixture) {
		f.subscribe("L", "M")
		f.must(f.batch(adminstore.ImportBatch{ID: "order", Type: tasks.EventIssued}, keys.Key{Code: "A", Status: keys.Active}))
		f.issue("B")
		f.update(tasks.Restore, "A")
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
		f.want("history", len(must(f.History(f.ctx, "A"))), 3)
	}},
	{"Outbox/a delivery has one lease", func(f outboxFixture) {
		f.subscribe("L")
		f.issue("A", "B", "C")
		f.queueRevoked("B")
		f.queueRevoked("A", "C")
		first := must(f.LeaseDeliveries(f.ctx, "L", id(), 2, ttl))
		f.want("first", len(first), 2)
		f.want("longest due", slices.ContainsFunc(first, func(m outbox.QueuedDelivery) bool { return m.Code == "B" }), true)
		f.want("rest", len(f.leaseAll("L")), 1)
		f.want("none left", len(f.leaseAll("L")), 0)
		f.want("no subscriber", len(f.leaseAll("X")), 0)
	}},
	{"Outbox/a lost lease", func(f outboxFixture) {
		f.queueFirst("L")
		stale := must(f.LeaseDeliveries(f.ctx, "L", id(), 1, briefTTL))
		f.want("stale", len(stale), 1)
		m := f.leaseOne("L")
		f.want("the same", []any{m.DeliveredSeq, m.LastSeq, eventTypes(m)}, []any{stale[0].DeliveredSeq, stale[0].LastSeq, eventTypes(stale[0])})
		f.want("late", f.CompleteDelivery(f.ctx, allDelivered(stale[0]), &outbox.Delivery{At: m.At, Subscriber: "L", Event: "e", Result: outbox.Delivered}), tasks.ErrFenced)
		f.want("logged nevertheless", len(must(f.Deliveries(f.ctx, "L", "e", 0, 9))), 1)
		gone := &outbox.Delivery{At: m.At, Subscriber: "L", Event: "e", Result: outbox.SubscriberGone}
		f.want("late and gone", f.CompleteDelivery(f.ctx, allDelivered(stale[0]), gone), tasks.ErrFenced)
		f.queueRevoked("A")
		f.want("the later lease", f.CompleteDelivery(f.ctx, allDelivered(m), nil), nil)
		m = f.leaseOne("L")
		f.must(f.CompleteDelivery(f.ctx, allDelivered(m), nil))
		f.want("twice", f.CompleteDelivery(f.ctx, allDelivered(m), nil), tasks.ErrFenced)
		f.want("none left", len(f.leaseAll("L")), 0)
	}},
	{"Outbox/due later", func(f outboxFixture) {
		f.queueFirst("L")
		m := f.leaseOne("L")
		m.Attempts, m.DeliveredEvent, m.DueAt = 3, 1, m.At.Add(time.Hour)
		f.must(f.CompleteDelivery(f.ctx, m, nil))
		f.want("not yet", len(f.leaseAll("L")), 0)
		f.queueRevoked("A")
		f.want("a new event does not make it due earlier", len(f.leaseAll("L")), 0)
		n := must(f.Replay(f.ctx, outbox.Replay{Subscriber: "L", Code: "A", After: m.DeliveredSeq, Causes: routedTypes}))
		f.want("replayed", n, 1)
		again := f.leaseOne("L")
		f.want("starts again", []any{again.Attempts, again.DeliveredEvent, eventTypes(again)}, []any{0, 0, "revoked revoked"})
		again.Attempts, again.DeliveredEvent, again.DueAt = 2, 1, again.At
		f.must(f.CompleteDelivery(f.ctx, again, nil))
		last := f.leaseOne("L")
		f.want("stored", []any{last.Attempts, last.DeliveredEvent, last.Since, last.DueAt}, []any{2, 1, again.Since, again.At})
	}},
	{"Outbox/an event during a lease", func(f outboxFixture) {
		f.queueFirst("L")
		m := f.leaseOne("L")
		f.queueRevoked("A")
		f.want("leased", len(f.leaseAll("L")), 0)
		f.must(f.CompleteDelivery(f.ctx, allDelivered(m), nil))
		next := f.leaseOne("L")
		f.want("delivered", next.DeliveredSeq, m.LastSeq)
		f.want("entries", eventTypes(next), "revoked")
	}},
	{"Outbox/a key is queued again by its next event", func(f outboxFixture) {
		f.queueFirst("L")
		f.must(f.CompleteDelivery(f.ctx, allDelivered(f.leaseOne("L")), nil))
		f.update(tasks.Restore, "A")
		f.route()
		f.want("no event to deliver", len(f.leaseAll("L")), 0)
		f.queueRevoked("A")
		f.want("entries", eventTypes(f.leaseOne("L")), "revoked")
	}},
	{"Outbox/a long history is delivered in parts", func(f outboxFixture) {
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
	}},
	{"Outbox/a subscriber that is gone is disabled", func(f outboxFixture) {
		f.queueFirst("L", "M")
		m := f.leaseOne("L")
		d := &outbox.Delivery{
			At: m.At, Subscriber: "L", Event: "e", Type: "t", Code: "A", Line: m.LastSeq, Attempt: 1,
			Result: outbox.SubscriberGone, Status: 410, Took: time.Second, Note: "it is gone",
		}
		f.must(f.CompleteDelivery(f.ctx, m, d))
		f.want("nothing is leased", len(f.leaseAll("L")), 0)
		f.want("the other subscriber", len(f.leaseAll("M")), 1)
		all := must(f.Subscribers(f.ctx))
		f.want("subscribers", []any{len(all), all[0].Name, all[0].Disabled.IsZero(), all[0].Waiting, all[1].Disabled.IsZero()}, []any{2, "L", false, 1, true})
		f.subscribe("L")
		f.want("still disabled", len(f.leaseAll("L")), 0)
		logged := must(f.Deliveries(f.ctx, "", "", 0, 9))
		d.Seq = logged[0].Seq
		f.want("log", logged, []outbox.Delivery{*d})
		f.must(f.Resume(f.ctx, "L"))
		f.want("resumed", eventTypes(f.leaseOne("L")), "revoked")
		f.want("no subscriber", f.Resume(f.ctx, "X"), outbox.ErrNoSubscriber)
	}},
	{"Outbox/low stock", func(f outboxFixture) {
		f.subscribe("L")
		low := func(id int64, countries ...stock.Country) {
			f.Helper()
			f.must(f.SetLowStock(f.ctx, "L", countries, id))
		}
		f.must(f.SetLowStock(f.ctx, "X", []stock.Country{"US"}, 7)) // no subscriber has this name
		low(7, "US", "DE")
		all := f.leaseAll("L")
		f.want("both", len(all), 2)
		for _, m := range all {
			f.want("delivery", []any{m.Code, m.DeliveredSeq, m.LastSeq, len(m.Entries)}, []any{"", 0, 7, 0})
			m.DeliveredSeq = m.LastSeq
			f.must(f.CompleteDelivery(f.ctx, m, nil))
		}
		low(8, "DE", "US")
		f.want("delivered", len(f.leaseAll("L")), 0)
		low(9, "DE")
		low(10, "US")
		m := f.leaseOne("L")
		f.want("a new delivery", []any{m.Country, m.LastSeq}, []any{"US", 10})
		low(11)
		f.want("deleted", f.CompleteDelivery(f.ctx, m, nil), tasks.ErrFenced)
	}},
	{"Outbox/replay", func(f outboxFixture) {
		f.issue("A", "B")
		f.revoke("A", "B")
		f.subscribe("L")
		f.queueRevoked("A", "A")
		m := f.leaseOne("L")
		first := m.Entries[0]
		replay := func(r outbox.Replay) int {
			f.Helper()
			r.Subscriber, r.Causes = "L", routedTypes
			n := must(f.Replay(f.ctx, r))
			return n
		}
		f.want("one entry", replay(outbox.Replay{Code: "A", After: first.Seq - 1}), 1)
		f.want("fenced", f.CompleteDelivery(f.ctx, allDelivered(m), nil), tasks.ErrFenced)
		again := f.leaseOne("L")
		f.want("from that entry", []any{again.Entries[0].Seq, eventTypes(again)}, []any{first.Seq, "revoked revoked"})
		f.want("a key", replay(outbox.Replay{Code: "A"}), 1)
		f.want("with the entries before the subscription", eventTypes(f.leaseOne("L")), "revoked revoked revoked")
		f.want("since", replay(outbox.Replay{Since: first.At}), 1)
		f.want("all", replay(outbox.Replay{}), 2)
		f.want("later", replay(outbox.Replay{Since: m.At.Add(time.Hour)}), 0)
		f.want("deliveries", len(f.leaseAll("L")), 2)
		f.want("no subscriber", must(f.Replay(f.ctx, outbox.Replay{Subscriber: "X", Causes: routedTypes})), 0)
	}},
	{"Outbox/expired subscribers are deleted", func(f outboxFixture) {
		f.must(f.Subscribe(f.ctx, []string{"L"}, briefTTL))
		f.queueFirst("M")
		all := must(f.Subscribers(f.ctx))
		f.want("subscribers", []any{len(all), all[0].Name, all[0].Waiting, all[0].Since.IsZero()}, []any{1, "M", 1, false})
		m := f.leaseOne("M")
		f.must(f.CompleteDelivery(f.ctx, m, &outbox.Delivery{At: m.At, Subscriber: "M", Event: "e"}))
		for at := int64(0); at < 3; at++ {
			f.must(f.CompleteDelivery(f.ctx, f.leaseOne("M"), &outbox.Delivery{At: m.At, Subscriber: "M", Event: fmt.Sprint("e", at)}))
		}
		page := must(f.Deliveries(f.ctx, "M", "", 0, 2))
		f.want("newest", []any{len(page), page[0].Event, page[1].Event}, []any{2, "e2", "e1"})
		page = must(f.Deliveries(f.ctx, "M", "", page[1].Seq, 9))
		f.want("older", []any{len(page), page[0].Event, page[1].Event}, []any{2, "e0", "e"})
		f.must(f.Subscribe(f.ctx, nil, briefTTL))
		f.want("old deliveries", len(must(f.Deliveries(f.ctx, "", "", 0, 9))), 0)
	}},
	{"Outbox/unsubscribe", func(f outboxFixture) {
		f.queueFirst("L", "M")
		f.must(f.Unsubscribe(f.ctx, "L"))
		f.want("no subscriber", f.Unsubscribe(f.ctx, "L"), outbox.ErrNoSubscriber)
		f.subscribe("L")
		f.want("deliveries", []int{len(f.leaseAll("L")), len(f.leaseAll("M"))}, []int{0, 1})
		f.must(f.Unsubscribe(f.ctx, "L"))
		f.must(f.Unsubscribe(f.ctx, "M"))
		f.revoke("A")
		f.want("routed without a subscriber", f.route(), 0)
	}},
	{"Outbox/many writers, many workers", outboxParallel},
}
