package tasks

import (
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// Accept decides on a request. The error is the first [Refusal] that applies, or a [RateLimited]. Without
// an error, the change enqueues the key and opens the task. The id becomes that of the task and of the
// change. The change does not contain the account: if the task is open, the caller seals the account
// into it.
//
// An upgrade claims a slot. If the claim finds no slot, the caller decides again with empty set. The
// change then accepts the task and immediately ends it with [OutOfStock].
func (r Rules) Accept(v Snapshot, q Request, id string, empty bool) (Change, error) {
	if !v.Key.Exists() {
		return Change{}, UnknownKey
	}
	if err := q.Check(r.Password); err != nil {
		return Change{}, err
	}
	if err := v.reject(q.Kind); err != nil {
		return Change{}, err
	}
	limit, wait := r.chargeRateLimit(v.Key.NextTaskAt, v.At)
	if wait > 0 {
		return Change{}, RateLimited{wait}
	}
	task, err := v.newTask(q, id)
	if err != nil {
		return Change{}, err
	}
	if empty {
		return v.outOfStock(task), nil
	}
	key := v.Key.Enqueue(id)
	key.NextTaskAt = limit
	return accepted(key, task), nil
}

// reject returns the reason why the key cannot have a task of that kind now, or nil.
func (v Snapshot) reject(kind Kind) error {
	switch open := v.openTask(); {
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

func (v Snapshot) newTask(q Request, id string) (Task, error) {
	country, err := q.country()
	return Task{
		ID: id, Code: v.Key.Code, Kind: q.Kind, Country: country,
		Ordinal: 1, CreatedAt: v.At, DueAt: v.At,
	}, err
}

func accepted(key keys.Key, task Task) Change {
	event := task.Event(EventAccepted, task.CreatedAt)
	c := Change{ID: task.ID, Key: &key, Task: &task}
	if task.Kind == Upgrade {
		task.Slot = stock.Held
		event.From, event.To = stock.Free, stock.Held
		c.Claim = &stock.Claim{Country: task.Country}
	}
	c.Events = []Event{event}
	return c
}

// outOfStock accepts and ends the task in one change. The connector is not called, no account is stored,
// and the key's rate limit is not charged.
func (v Snapshot) outOfStock(task Task) Change {
	key := v.Key.Enqueue(task.ID).Apply(keys.NotUpgraded, OutOfStock.Message(task.Kind))
	begun := task.Event(EventAccepted, v.At)
	task.EndedAt, task.Outcome = v.At, OutOfStock
	return Change{ID: task.ID, Key: &key, Task: &task, Events: []Event{begun, task.Event(EventEnded, v.At)}}
}
