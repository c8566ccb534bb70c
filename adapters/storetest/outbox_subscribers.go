package storetest

import (
	"fmt"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

func outboxGone(f outboxFixture) {
	f.subscribe("L", "M")
	f.issue("A")
	f.revoke("A")
	f.route()
	m := f.leaseOne("L")
	d := &outbox.Delivery{
		At: m.At, Subscriber: "L", Event: "e", Type: "t", Code: "A", Line: m.LastSeq, Attempt: 1,
		Result: outbox.SubscriberGone, Status: 410, Took: time.Second, Note: "it is gone",
	}
	f.must(f.CompleteDelivery(f.ctx, m, d))
	f.want("nothing is leased", len(f.leaseAll("L")), 0)
	f.want("the other subscriber", len(f.leaseAll("M")), 1)
	all, err := f.Subscribers(f.ctx)
	f.must(err)
	f.want("subscribers", []any{len(all), all[0].Name, all[0].Disabled.IsZero(), all[0].Waiting, all[1].Disabled.IsZero()}, []any{2, "L", false, 1, true})
	f.subscribe("L")
	f.want("still disabled", len(f.leaseAll("L")), 0)
	logged, err := f.Deliveries(f.ctx, "", "", 0, 9)
	f.must(err)
	d.Seq = logged[0].Seq
	f.want("log", logged, []outbox.Delivery{*d})
	f.must(f.Resume(f.ctx, "L"))
	f.want("resumed", eventTypes(f.leaseOne("L")), "revoked")
	f.want("no subscriber", f.Resume(f.ctx, "X"), outbox.ErrNoSubscriber)
}

func outboxLowStock(f outboxFixture) {
	f.subscribe("L")
	low := func(id int64, countries ...stock.Country) {
		f.Helper()
		f.must(f.SetLowStock(f.ctx, "L", countries, id))
	}
	f.must(f.SetLowStock(f.ctx, "X", []stock.Country{"US"}, 7)) // not a subscriber
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
}

func outboxReplay(f outboxFixture) {
	f.issue("A", "B")
	f.revoke("A", "B")
	f.subscribe("L")
	f.revoke("A", "A")
	f.route()
	m := f.leaseOne("L")
	first := m.Entries[0]
	replay := func(r outbox.Replay) int {
		f.Helper()
		r.Subscriber, r.Causes = "L", routedTypes
		n, err := f.Replay(f.ctx, r)
		f.must(err)
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
	n, err := f.Replay(f.ctx, outbox.Replay{Subscriber: "X", Causes: routedTypes})
	f.must(err)
	f.want("no subscriber", n, 0)
}

func outboxUnsubscribe(f outboxFixture) {
	f.subscribe("L", "M")
	f.issue("A")
	f.revoke("A")
	f.route()
	f.must(f.Unsubscribe(f.ctx, "L"))
	f.want("no subscriber", f.Unsubscribe(f.ctx, "L"), outbox.ErrNoSubscriber)
	f.subscribe("L")
	f.want("deliveries", []int{len(f.leaseAll("L")), len(f.leaseAll("M"))}, []int{0, 1})
	f.must(f.Unsubscribe(f.ctx, "L"))
	f.must(f.Unsubscribe(f.ctx, "M"))
	f.revoke("A")
	f.want("routed without a subscriber", f.route(), 0)
}

func outboxExpires(f outboxFixture) {
	f.must(f.Subscribe(f.ctx, []string{"L"}, briefTTL))
	f.subscribe("M")
	f.issue("A")
	f.revoke("A")
	f.route()
	all, err := f.Subscribers(f.ctx)
	f.must(err)
	f.want("subscribers", []any{len(all), all[0].Name, all[0].Waiting, all[0].Since.IsZero()}, []any{1, "M", 1, false})
	m := f.leaseOne("M")
	f.must(f.CompleteDelivery(f.ctx, m, &outbox.Delivery{At: m.At, Subscriber: "M", Event: "e"}))
	for at := int64(0); at < 3; at++ {
		f.must(f.CompleteDelivery(f.ctx, f.leaseOne("M"), &outbox.Delivery{At: m.At, Subscriber: "M", Event: fmt.Sprint("e", at)}))
	}
	page, err := f.Deliveries(f.ctx, "M", "", 0, 2)
	f.must(err)
	f.want("newest", []any{len(page), page[0].Event, page[1].Event}, []any{2, "e2", "e1"})
	page, err = f.Deliveries(f.ctx, "M", "", page[1].Seq, 9)
	f.must(err)
	f.want("older", []any{len(page), page[0].Event, page[1].Event}, []any{2, "e0", "e"})
	f.must(f.Subscribe(f.ctx, nil, briefTTL))
	page, err = f.Deliveries(f.ctx, "", "", 0, 9)
	f.must(err)
	f.want("old deliveries", len(page), 0)
}
