package storetest

import (
	"fmt"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

func outboxGone(f outbox) {
	f.listen("L", "M")
	f.issue("A")
	f.revoke("A")
	f.route()
	m := f.one("L")
	d := &tasks.Delivery{
		At: m.At, Subscriber: "L", Event: "e", Type: "t", Code: "A", Line: m.LastSeq, Attempt: 1,
		Result: tasks.SubscriberGone, Status: 410, Took: time.Second, Note: "it is gone",
	}
	f.must(f.CompleteDelivery(f.ctx, m, d))
	f.want("nothing more", len(f.collect("L")), 0)
	f.want("the other", len(f.collect("M")), 1)
	all, err := f.Subscribers(f.ctx)
	f.must(err)
	f.want("gone", []any{len(all), all[0].Name, all[0].Disabled.IsZero(), all[0].Waiting, all[1].Disabled.IsZero()}, []any{2, "L", false, 1, true})
	f.listen("L")
	f.want("still gone", len(f.collect("L")), 0)
	logged, err := f.Deliveries(f.ctx, "", "", 0, 9)
	f.must(err)
	d.Seq = logged[0].Seq
	f.want("log", logged, []tasks.Delivery{*d})
	f.must(f.Resume(f.ctx, "L"))
	f.want("resumed", causes(f.one("L")), "revoked")
	f.want("nobody", f.Resume(f.ctx, "X"), tasks.ErrNoSubscriber)
}

func outboxLow(f outbox) {
	f.listen("L")
	low := func(mark int64, countries ...stock.Country) {
		f.Helper()
		f.must(f.SetLowStock(f.ctx, "L", countries, mark))
	}
	f.must(f.SetLowStock(f.ctx, "X", []stock.Country{"US"}, 7)) // not a subscriber
	low(7, "US", "DE")
	all := f.collect("L")
	f.want("both", len(all), 2)
	for _, m := range all {
		f.want("mail", []any{m.Code, m.DeliveredSeq, m.LastSeq, len(m.Entries)}, []any{"", 0, 7, 0})
		m.DeliveredSeq = m.LastSeq
		f.must(f.CompleteDelivery(f.ctx, m, nil))
	}
	low(8, "DE", "US")
	f.want("told", len(f.collect("L")), 0)
	low(9, "DE")
	low(10, "US")
	m := f.one("L")
	f.want("another occasion", []any{m.Country, m.LastSeq}, []any{"US", 10})
	low(11)
	f.want("forgotten", f.CompleteDelivery(f.ctx, m, nil), tasks.ErrFenced)
}

func outboxRewound(f outbox) {
	f.issue("A", "B")
	f.revoke("A", "B")
	f.listen("L")
	f.revoke("A", "A")
	f.route()
	m := f.one("L")
	first := m.Entries[0]
	rewind := func(r tasks.Replay) int {
		f.Helper()
		r.Subscriber, r.Causes = "L", told
		n, err := f.Replay(f.ctx, r)
		f.must(err)
		return n
	}
	f.want("one line", rewind(tasks.Replay{Code: "A", After: first.Seq - 1}), 1)
	f.want("fenced", f.CompleteDelivery(f.ctx, done(m), nil), tasks.ErrFenced)
	again := f.one("L")
	f.want("from there", []any{again.Entries[0].Seq, causes(again)}, []any{first.Seq, "revoked revoked"})
	f.want("a key", rewind(tasks.Replay{Code: "A"}), 1)
	f.want("with what was before", causes(f.one("L")), "revoked revoked revoked")
	f.want("since", rewind(tasks.Replay{Since: first.At}), 1)
	f.want("all", rewind(tasks.Replay{}), 2)
	f.want("later", rewind(tasks.Replay{Since: m.At.Add(time.Hour)}), 0)
	f.want("mails", len(f.collect("L")), 2)
	n, err := f.Replay(f.ctx, tasks.Replay{Subscriber: "X", Causes: told})
	f.must(err)
	f.want("nobody", n, 0)
}

func outboxStruck(f outbox) {
	f.listen("L", "M")
	f.issue("A")
	f.revoke("A")
	f.route()
	f.must(f.Unsubscribe(f.ctx, "L"))
	f.want("nobody", f.Unsubscribe(f.ctx, "L"), tasks.ErrNoSubscriber)
	f.listen("L")
	f.want("mail", []int{len(f.collect("L")), len(f.collect("M"))}, []int{0, 1})
	f.must(f.Unsubscribe(f.ctx, "L"))
	f.must(f.Unsubscribe(f.ctx, "M"))
	f.revoke("A")
	f.want("kept for nobody", f.route(), 0)
}

func outboxForgets(f outbox) {
	f.must(f.Subscribe(f.ctx, []string{"L"}, brief))
	f.listen("M")
	f.issue("A")
	f.revoke("A")
	f.route()
	all, err := f.Subscribers(f.ctx)
	f.must(err)
	f.want("listeners", []any{len(all), all[0].Name, all[0].Waiting, all[0].Since.IsZero()}, []any{1, "M", 1, false})
	m := f.one("M")
	f.must(f.CompleteDelivery(f.ctx, m, &tasks.Delivery{At: m.At, Subscriber: "M", Event: "e"}))
	for at := int64(0); at < 3; at++ {
		f.must(f.CompleteDelivery(f.ctx, f.one("M"), &tasks.Delivery{At: m.At, Subscriber: "M", Event: fmt.Sprint("e", at)}))
	}
	page, err := f.Deliveries(f.ctx, "M", "", 0, 2)
	f.must(err)
	f.want("newest", []any{len(page), page[0].Event, page[1].Event}, []any{2, "e2", "e1"})
	page, err = f.Deliveries(f.ctx, "M", "", page[1].Seq, 9)
	f.must(err)
	f.want("older", []any{len(page), page[0].Event, page[1].Event}, []any{2, "e0", "e"})
	f.must(f.Subscribe(f.ctx, nil, brief))
	page, err = f.Deliveries(f.ctx, "", "", 0, 9)
	f.must(err)
	f.want("old deliveries", len(page), 0)
}
