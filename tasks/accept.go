package tasks

import (
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// Accept decides on a request. The error is a [Refusal] or [Limited], the first that fits; otherwise
// the change enqueues the key and opens the task, whose id is given and is the change's too. The
// account is not in it: the caller seals it into the task of an accepted request that is still open.
//
// An upgrade claims a slot. empty says that the claim of just this decision has found none: the task
// is then accepted and ended at once, out of stock.
func (r Rules) Accept(v View, q Request, id string, empty bool) (Change, error) {
	if !v.Key.Exists() {
		return Change{}, UnknownKey
	}
	if err := q.Check(r.Password); err != nil {
		return Change{}, err
	}
	if err := v.refuse(q.Kind); err != nil {
		return Change{}, err
	}
	limit, wait := r.allow(v.Key.Limit, v.At)
	if wait > 0 {
		return Change{}, Limited{wait}
	}
	task, err := v.newTask(q, id)
	if err != nil {
		return Change{}, err
	}
	if empty {
		return v.outOfStock(task), nil
	}
	key := v.Key.Enqueue(id)
	key.Limit = limit
	return accepted(key, task), nil
}

// refuse says why the key, as it stands, cannot have a task of that kind.
func (v View) refuse(kind Kind) error {
	switch open := v.open(); {
	case v.Key.Revoked:
		return KeyGone
	case open != nil && open.Kind == Upgrade:
		return UpgradeOpen
	case open != nil:
		return RenewOpen
	case kind == Upgrade && v.Key.Used:
		return KeyUsed
	case kind == Renew && !v.Key.Used:
		return KeyUnused
	case kind == Renew && v.Key.Legacy():
		return KeyLegacy
	}
	return nil
}

func (v View) newTask(q Request, id string) (Task, error) {
	country, err := q.country()
	return Task{
		ID: id, Code: v.Key.Code, Kind: q.Kind, Country: country,
		Ordinal: 1, Created: v.At, Due: v.At,
	}, err
}

func accepted(key keys.Key, task Task) Change {
	event := task.event(WasAccepted, task.Created)
	c := Change{ID: task.ID, Key: &key, Task: &task}
	if task.Kind == Upgrade {
		task.Slot = stock.Held
		event.From, event.To = stock.Free, stock.Held
		c.Claim = &stock.Claim{Country: task.Country}
	}
	c.Events = []Event{event}
	return c
}

// outOfStock is accepted and ended in one: nothing is asked, nothing secret kept, nothing charged.
func (v View) outOfStock(task Task) Change {
	key := v.Key.Enqueue(task.ID).Do(keys.NotUpgraded, OutOfStock.Message(task.Kind))
	begun := task.event(WasAccepted, v.At)
	task.Ended, task.Outcome = v.At, OutOfStock
	return Change{ID: task.ID, Key: &key, Task: &task, Events: []Event{begun, task.event(WasEnded, v.At)}}
}
