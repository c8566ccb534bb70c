package bunstore

import (
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A changeset checks a batch of changes against the stored versions, and collects the rows to write. Each accepted
// change updates the versions, so that the next change is checked against the result.
type changeset struct {
	keys         map[keys.Code]int64 // the version of each key
	tasks        map[taskKey]rowVersion
	openTaskOf   map[keys.Code]string // the id of a key's open task
	countries    map[stock.Country]bool
	allocator    *stock.Allocator
	applied      map[taskKey]bool  // the accepted changes, by the key's code and the change's id
	snapshots    snapshotSet       // the snapshots of the keys of undecided changes
	readVersions map[taskKey]int64 // only in a [distributed] layout: the version read of each task, and of each key under the id ""

	rows rowset
}

// A rowVersion holds the version and fence of a stored task, and the time at which the task ended.
type rowVersion struct {
	version, fence int64
	endedAt        time.Time
}

// A lockedRow is a row of a key, task or country in the result of the statement "lock".
type lockedRow struct {
	what, code, id string
	rowVersion
}

func newChangeset() changeset {
	return changeset{
		keys:         map[keys.Code]int64{},
		tasks:        map[taskKey]rowVersion{},
		openTaskOf:   map[keys.Code]string{},
		countries:    map[stock.Country]bool{},
		allocator:    stock.NewAllocator(time.Time{}, nil),
		applied:      map[taskKey]bool{},
		snapshots:    snapshotSet{found: map[keys.Code]tasks.Snapshot{}},
		readVersions: map[taskKey]int64{},
	}
}

func (cs changeset) lockedRow(r lockedRow) {
	switch r.what {
	case "key":
		cs.keys[keys.Code(r.code)] = r.version
	case "task":
		cs.noteTask(keys.Code(r.code), r.id, r.rowVersion)
	case "country":
		cs.countries[stock.Country(r.code)] = true
	}
}

// noteTask records the version of a task, and updates openTaskOf.
func (cs changeset) noteTask(code keys.Code, id string, now rowVersion) {
	cs.tasks[taskKey{code, id}] = now
	if now.endedAt.IsZero() {
		cs.openTaskOf[code] = id
	} else if cs.openTaskOf[code] == id {
		delete(cs.openTaskOf, code)
	}
}

// plansNeeded returns the plans to load for the changes:
//
//   - moved: the plans whose slots are transferred;
//   - wanted: per claimed country, the number of candidate plans to load;
//   - most: the greatest of these numbers.
//
// For each country, the number is the sum of its claims, of the plans that these claims exclude, and of its transfers.
// Transfers count, because a transfer can take a candidate plan out of stock with a fault.
func plansNeeded(changes []tasks.Change) (moved, wanted query.Rows, most int) {
	moved, wanted = query.Rows{Columns: "id text, country text"}, query.Rows{Columns: "country text, n bigint"}
	claims, candidates := map[stock.Country]bool{}, map[stock.Country]int{}
	for _, c := range changes {
		if c.Transfer != nil {
			moved.Add(c.Transfer.Plan, string(c.Transfer.Country))
			candidates[c.Transfer.Country]++
		}
		if c.Claim != nil {
			claims[c.Claim.Country] = true
			candidates[c.Claim.Country] += 1 + len(c.Claim.Except)
		}
	}
	for country := range claims {
		wanted.Add(string(country), int64(candidates[country]))
		most = max(most, candidates[country])
	}
	return moved, wanted, most
}

// loadPlans creates the allocator with the loaded plans. It leaves out the plans of a country that is not locked.
// Another transaction has added this country since the locks were taken, and may change its plans.
func (cs *changeset) loadPlans(at time.Time, plans map[string]stock.Plan) {
	loaded := make([]stock.Plan, 0, len(plans))
	for _, p := range plans {
		if cs.countries[p.Country] {
			loaded = append(loaded, p)
		}
	}
	cs.allocator = stock.NewAllocator(at, loaded)
}

// apply decides on an undecided change, and checks it. An error leaves the changeset as it was.
func (cs *changeset) apply(c tasks.Change) (err error) {
	if cs.applied[taskKey{c.Code(), c.ID}] {
		return nil
	}
	if c.Decide != nil {
		if c, err = c.Decide(cs.snapshots.of(c.Code())); err != nil {
			return err
		}
	}
	if err := cs.validate(c); err != nil {
		return err
	}
	plan, err := cs.allocator.Apply(c.Transfer, c.Claim)
	if err != nil {
		return err
	}
	cs.applied[taskKey{c.Code(), c.ID}] = true
	cs.write(c.WithPlan(plan))
	return nil
}

// validate checks that the stored key and task still have the versions from which the change was decided. If not, it
// returns [tasks.ErrConflict] or [tasks.ErrFenced].
func (cs *changeset) validate(c tasks.Change) error {
	version, exists := cs.keys[c.Code()]
	if c.Task != nil {
		if err := cs.validateTask(*c.Task); err != nil {
			return err
		}
	}
	if !exists || c.Key != nil && c.Key.Version != version {
		return tasks.ErrConflict
	}
	return nil
}

func (cs *changeset) validateTask(t tasks.Task) error {
	now, exists := cs.tasks[taskKey{t.Code, t.ID}]
	switch {
	case t.Version == 0:
		if _, working := cs.openTaskOf[t.Code]; exists || working {
			return tasks.ErrConflict
		}
		return nil
	case !exists:
		return tasks.ErrConflict
	case now.version == t.Version && now.fence == t.Fence:
		return nil
	case now.fence != t.Fence || !now.endedAt.IsZero():
		return tasks.ErrFenced
	}
	return tasks.ErrConflict
}

// write adds the rows that a change writes, and updates the recorded versions of the key and the task.
func (cs *changeset) write(c tasks.Change) {
	if c.Key != nil {
		key := *c.Key
		key.Version++
		cs.keys[key.Code] = key.Version
		cs.rows.keys.put(key.Code, key)
		cs.snapshots.update(key.Code, func(v *tasks.Snapshot) { v.Key = key })
	}
	if c.Task != nil {
		task := *c.Task
		isNew := task.Version == 0
		task.Version++
		task.LeasedUntil = time.Time{}
		cs.noteTask(task.Code, task.ID, rowVersion{task.Version, task.Fence, task.EndedAt})
		cs.rows.task(task, isNew)
		cs.snapshots.update(task.Code, func(v *tasks.Snapshot) {
			if v.Key.Task == task.ID {
				v.Task = &task
			}
		})
	}
	for n, e := range c.Events {
		cs.rows.history = append(cs.rows.history, tasks.HistoryEntry{Change: c.ID, N: n, Event: e})
	}
}

// A taskKey is the primary key of a task. It also identifies a change: then code is the key's code, and id is the
// change's id.
type taskKey struct {
	code keys.Code
	id   string
}

type rowset struct {
	keys     rowList[keys.Code, keys.Key]
	updated  rowList[taskKey, tasks.Task] // tasks to update
	inserted rowList[taskKey, tasks.Task] // tasks to insert
	history  []tasks.HistoryEntry         // history to insert
}

func (w *rowset) task(t tasks.Task, isNew bool) {
	name := taskKey{t.Code, t.ID}
	if _, began := w.inserted.index[name]; began || isNew {
		w.inserted.put(name, t)
		return
	}
	w.updated.put(name, t)
}

// A rowList has each row once, in its final state, because one statement can change a row only once.
type rowList[K comparable, T any] struct {
	rows  []T
	index map[K]int // the index of each row in rows
}

func (l *rowList[K, T]) put(name K, row T) {
	if i, found := l.index[name]; found {
		l.rows[i] = row
		return
	}
	if l.index == nil {
		l.index = map[K]int{}
	}
	l.index[name] = len(l.rows)
	l.rows = append(l.rows, row)
}
