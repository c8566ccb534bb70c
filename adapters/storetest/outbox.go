package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// An OutboxStore is a store with an outbox.
type OutboxStore interface {
	Store
	outbox.Outbox
}

// An outboxFixture is a fixture with the outbox of its store.
type outboxFixture struct {
	fixture
	outbox.Outbox
}

// routedTypes lists the types of events for which the test cases queue deliveries.
var routedTypes = []tasks.EventType{tasks.EventIssued, tasks.EventRevoked, tasks.EventEnded}

func (f outboxFixture) subscribe(names ...string) {
	f.Helper()
	f.must(f.Subscribe(f.ctx, names, ttl))
}

// revoke revokes keys. Each revocation adds one history entry, of a type in [routedTypes].
func (f outboxFixture) revoke(codes ...keys.Code) {
	f.Helper()
	for _, code := range codes {
		f.update(tasks.Revoke, code)
	}
}

// queueRevoked revokes keys, and queues the deliveries of the revocations.
func (f outboxFixture) queueRevoked(codes ...keys.Code) {
	f.Helper()
	f.revoke(codes...)
	f.route()
}

// queueFirst adds subscribers, issues the key A, and queues a delivery of its revocation for each subscriber.
func (f outboxFixture) queueFirst(subscribers ...string) {
	f.Helper()
	f.subscribe(subscribers...)
	f.issue("A")
	f.queueRevoked("A")
}

// route routes all unrouted history entries and returns their number.
func (f outboxFixture) route() (all int) {
	f.Helper()
	for {
		n := must(f.Route(f.ctx, routedTypes, 3))
		if all += n; n == 0 {
			return all
		}
	}
}

// leaseAll leases all due deliveries of a subscriber.
func (f outboxFixture) leaseAll(subscriber string) []outbox.QueuedDelivery {
	f.Helper()
	return must(f.LeaseDeliveries(f.ctx, subscriber, id(), 100, ttl))
}

// leaseOne leases the only queued delivery of a subscriber.
func (f outboxFixture) leaseOne(subscriber string) outbox.QueuedDelivery {
	f.Helper()
	all := f.leaseAll(subscriber)
	if len(all) != 1 {
		f.Fatalf("leased %d deliveries, want 1: %v", len(all), all)
	}
	return all[0]
}

// eventTypes returns the event types of the entries of a queued delivery.
func eventTypes(m outbox.QueuedDelivery) string {
	var all []string
	for _, l := range m.Entries {
		all = append(all, string(l.Type))
	}
	return strings.Join(all, " ")
}

// allDelivered returns a copy of a queued delivery, in which all entries are marked as delivered.
func allDelivered(m outbox.QueuedDelivery) outbox.QueuedDelivery {
	m.DeliveredSeq = m.Entries[len(m.Entries)-1].Seq
	return m
}

// outboxParallel runs writers and workers simultaneously. Each writer has a key of its own. The workers route entries
// and lease deliveries. Each entry must be delivered once, and the entries of each key in order.
func outboxParallel(f outboxFixture) {
	const writers, entries, workers = 8, 12, 4
	f.subscribe("L")
	var writing, working sync.WaitGroup
	for w := range writers {
		code := keys.Code(fmt.Sprint("K", w))
		f.issue(code)
		writing.Go(func() {
			for range entries {
				f.revokeParallel(code)
			}
		})
	}
	var finished atomic.Bool
	all := &receiver{seqs: map[keys.Code][]int64{}}
	for range workers {
		working.Go(func() {
			for !finished.Load() {
				f.work(all)
			}
		})
	}
	writing.Wait()
	finished.Store(true)
	working.Wait()
	for f.work(all) {
	}
	for w := range writers {
		got := all.seqs[keys.Code(fmt.Sprint("K", w))]
		if len(got) != entries || !slices.IsSorted(got) {
			f.Errorf("a key with %d entries received %v", entries, got)
		}
	}
}

// revokeParallel revokes a key. Unlike revoke, it may run in any goroutine, because it never ends the test.
func (f outboxFixture) revokeParallel(code keys.Code) {
	snapshots, err := f.Snapshots(f.ctx, []keys.Code{code})
	if err == nil {
		c, _ := tasks.Revoke(snapshots[0], id())
		_, err = f.Apply(f.ctx, []tasks.Change{c})
	}
	if err != nil {
		f.Error(err)
	}
}

// A receiver records the sequence numbers of the delivered entries of each key. Several goroutines may use it.
type receiver struct {
	mu   sync.Mutex
	seqs map[keys.Code][]int64
}

// work routes entries, leases deliveries, and delivers the first entry of each delivery. It returns false if there was
// nothing to do.
func (f outboxFixture) work(to *receiver) bool {
	n, err := f.Route(f.ctx, routedTypes, 5)
	if err != nil {
		f.Error(err)
	}
	all, err := f.LeaseDeliveries(f.ctx, "L", id(), 3, ttl)
	if err != nil {
		f.Error(err)
	}
	for _, m := range all {
		entry := m.Entries[0]
		to.mu.Lock()
		to.seqs[m.Code] = append(to.seqs[m.Code], entry.Seq)
		to.mu.Unlock()
		m.DeliveredSeq = entry.Seq
		if err := f.CompleteDelivery(f.ctx, m, nil); err != nil {
			f.Error(err)
		}
	}
	return n+len(all) > 0
}
