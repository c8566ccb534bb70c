package bunstore

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A ledger is what a batch of changes is checked against and what it is to write. It runs along: each
// change finds what those before it leave.
type ledger struct {
	keys      map[keys.Code]int64 // versions
	tasks     map[taskName]standing
	working   map[keys.Code]string // the open task of a key
	countries map[stock.Country]bool
	book      *stock.Allocator
	made      map[taskName]bool  // changes, by their key and id
	read      map[taskName]int64 // versions before all changes, of a key under the id "": see [look]

	writes writes
}

// A standing is how a stored task stands.
type standing struct {
	version, fence int64
	ended          time.Time
}

func newLedger() ledger {
	return ledger{
		keys:      map[keys.Code]int64{},
		tasks:     map[taskName]standing{},
		working:   map[keys.Code]string{},
		countries: map[stock.Country]bool{},
		book:      stock.NewAllocator(time.Time{}, nil),
		made:      map[taskName]bool{},
		read:      map[taskName]int64{},
		writes:    newWrites(),
	}
}

// found notes a row that was locked.
func (l ledger) found(what, code, id string, now standing) {
	switch what {
	case "key":
		l.keys[keys.Code(code)] = now.version
	case "task":
		l.note(keys.Code(code), id, now)
	case "country":
		l.countries[stock.Country(code)] = true
	}
}

func (l ledger) note(code keys.Code, id string, now standing) {
	l.tasks[taskName{code, id}] = now
	if now.ended.IsZero() {
		l.working[code] = id
	} else if l.working[code] == id {
		delete(l.working, code)
	}
}

// needs are the plans that are moved, and the countries of claims with how many plans the claims can
// come to look at: one for each claim, exclusion and move, since a move may find a fault. most is
// the greatest of those numbers.
func needs(changes []tasks.Change) (moved, wanted batch, most int) {
	moved, wanted = batch{columns: "id text, country text"}, batch{columns: "country text, n bigint"}
	claims, looks := map[stock.Country]bool{}, map[stock.Country]int{}
	for _, c := range changes {
		if c.Transfer != nil {
			moved.add(c.Transfer.Plan, string(c.Transfer.Country))
			looks[c.Transfer.Country]++
		}
		if c.Claim != nil {
			claims[c.Claim.Country] = true
			looks[c.Claim.Country] += 1 + len(c.Claim.Except)
		}
	}
	for country := range claims {
		wanted.add(string(country), int64(looks[country]))
		most = max(most, looks[country])
	}
	return moved, wanted, most
}

// open opens the book on the plans that were loaded. Those of a country that was not there to be
// locked have come since, and are not ours to change.
func (l *ledger) open(at time.Time, plans map[string]stock.Plan) {
	loaded := make([]stock.Plan, 0, len(plans))
	for _, p := range plans {
		if l.countries[p.Country] {
			loaded = append(loaded, p)
		}
	}
	l.book = stock.NewAllocator(at, loaded)
}

// enter checks a change and enters it whole, or not at all.
func (l *ledger) enter(c tasks.Change) error {
	if l.made[taskName{c.Code(), c.ID}] {
		return nil
	}
	if err := l.check(c); err != nil {
		return err
	}
	plan, err := l.book.Apply(c.Transfer, c.Claim)
	if err != nil {
		return err
	}
	l.made[taskName{c.Code(), c.ID}] = true
	l.write(c.WithPlan(plan))
	return nil
}

// check says what keeps a change from being made.
func (l *ledger) check(c tasks.Change) error {
	version, exists := l.keys[c.Code()]
	if c.Task != nil {
		if err := l.checkTask(*c.Task); err != nil {
			return err
		}
	}
	if !exists || c.Key != nil && c.Key.Version != version {
		return tasks.ErrConflict
	}
	return nil
}

func (l *ledger) checkTask(t tasks.Task) error {
	now, exists := l.tasks[taskName{t.Code, t.ID}]
	switch {
	case t.Version == 0:
		if _, working := l.working[t.Code]; exists || working {
			return tasks.ErrConflict
		}
		return nil
	case !exists:
		return tasks.ErrConflict
	case now.version == t.Version && now.fence == t.Fence:
		return nil
	case now.fence != t.Fence || !now.ended.IsZero():
		return tasks.ErrFenced
	}
	return tasks.ErrConflict
}

// write enters what a change writes.
func (l *ledger) write(c tasks.Change) {
	if c.Key != nil {
		key := *c.Key
		key.Version++
		l.keys[key.Code] = key.Version
		l.writes.key(key)
	}
	if c.Task != nil {
		task := *c.Task
		fresh := task.Version == 0
		task.Version++
		task.LeasedUntil = time.Time{}
		l.note(task.Code, task.ID, standing{task.Version, task.Fence, task.EndedAt})
		l.writes.task(task, fresh)
	}
	for n, e := range c.Events {
		l.writes.lines = append(l.writes.lines, line{e, c.ID, n})
	}
}
