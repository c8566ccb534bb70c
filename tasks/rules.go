package tasks

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// Rules contains the settings of an operator. [DefaultRules] returns those of the API documentation.
type Rules struct {
	Password      PasswordPolicy
	Attempts      int           // the maximum number of failed attempts per plan, at least 1
	Backoff       time.Duration // the pause before the second attempt; doubles with each attempt
	MaxBackoff    time.Duration
	MaxRetryAfter time.Duration // the maximum pause that the provider can request
	Deadline      time.Duration // the maximum time from a task's first attempt to its end, while its result is pending
	Plans         int           // the maximum number of plans for one upgrade, at least 1
	KeyTasks      int           // the maximum number of accepted tasks per key and hour, lower after failed logins; 0: no limit on tasks and on logins
}

// DefaultRules returns the default settings.
func DefaultRules() Rules {
	return Rules{
		Password:      PasswordPolicy{Length: 10, Mixed: true},
		Attempts:      8,
		Backoff:       2 * time.Second,
		MaxBackoff:    2 * time.Minute,
		MaxRetryAfter: 2 * time.Minute,
		Deadline:      15 * time.Minute,
		Plans:         3,
		KeyTasks:      20,
	}
}

// backoff returns the pause after the given number of failed attempts. The pause grows exponentially. The jitter in
// [0,1) shortens the pause by up to a half.
func (r Rules) backoff(tries int, jitter float64) time.Duration {
	pause := r.Backoff
	for i := 1; i < tries && pause < r.MaxBackoff; i++ {
		pause *= 2
	}
	return jittered(min(pause, r.MaxBackoff), jitter)
}

// jittered shortens a pause by up to a half. The jitter is from 0 (not at all) to 1.
func jittered(pause time.Duration, jitter float64) time.Duration {
	return pause - time.Duration(float64(pause)/2*jitter)
}

// chargeRateLimit charges one task to a key's allowance of KeyTasks per hour. It uses the generic cell rate algorithm
// (ITU-T I.371, annex A). A key may use its full allowance immediately; the allowance refills evenly over an hour. The
// argument limit is the key's NextTaskAt, and the result next is its new value. If wait is above 0, the allowance is
// used up, and a task is accepted again after that time.
func (r Rules) chargeRateLimit(limit, now time.Time) (next time.Time, wait time.Duration) {
	if r.KeyTasks <= 0 {
		return time.Time{}, 0
	}
	interval := time.Hour / time.Duration(r.KeyTasks)
	if limit.Before(now) {
		limit = now
	}
	next = limit.Add(interval)
	return next, next.Sub(now) - interval*time.Duration(r.KeyTasks)
}

// The pauses of a key after failed logins.
const (
	freeFailedLogins  = 2 // the number of failed logins in a row that cause no pause
	maxFailedLoginGap = 24 * time.Hour
)

// failedLoginGap returns how long a key has to pause after n failed logins in a row. Each failed login tests somebody's
// credentials and leaves the key unused. Without the pause one key could test thousands of accounts. The first pause is
// twice the interval between tasks, and each further failed login doubles it, up to a day.
func (r Rules) failedLoginGap(n int) time.Duration {
	if r.KeyTasks <= 0 || n <= freeFailedLogins {
		return 0
	}
	gap := time.Hour / time.Duration(r.KeyTasks)
	for range n - freeFailedLogins {
		if gap *= 2; gap > maxFailedLoginGap {
			return maxFailedLoginGap
		}
	}
	return gap
}

// chargeFailedLogin returns the key after its task ended at the given time because of a failed login. It sets
// NextTaskAt so that [Rules.chargeRateLimit] accepts the next task at the end of the pause, and not before.
func (r Rules) chargeFailedLogin(key keys.Key, now time.Time) keys.Key {
	key.FailedLogins++
	gap := r.failedLoginGap(key.FailedLogins)
	if gap == 0 {
		return key
	}
	interval := time.Hour / time.Duration(r.KeyTasks)
	if next := now.Add(gap + time.Duration(r.KeyTasks-1)*interval); next.After(key.NextTaskAt) {
		key.NextTaskAt = next
	}
	return key
}

// Accept decides on a request. The error is the first [Refusal] that applies, or a [RateLimited]. Without an error, the
// change enqueues the key and opens the task. The id becomes that of the task and of the change. The change does not
// contain the account. If the task is open, the caller must store the sealed account in it.
//
// An upgrade claims a slot. If the claim finds no slot, the caller calls Accept again with empty = true. The change
// then accepts the task and immediately ends it with [OutOfStock].
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
