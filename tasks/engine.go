package tasks

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// An Engine serves the four calls of the API and works on what they accept. All its fields are needed;
// it holds nothing else, so it may be copied and used by many goroutines at once.
type Engine struct {
	Store     Store
	Connector Connector
	Sealer    Sealer
	Rules     Rules

	NewID  func() string                              // unique, unguessable, of letters and digits
	Now    func() time.Time                           // monotonic: only what passes between two calls counts
	Jitter func() float64                             // random, in [0,1)
	Pause  func(context.Context, time.Duration) error // waits, or gives the context's error
}

// Info reads a key. One that does not exist is no error: its shape says so.
func (d Engine) Info(ctx context.Context, code keys.Code) (keys.Key, error) {
	return readOne(ctx, d, code, d.Store.Find)
}

// Stock reads the slots of every country that has a plan, in the order of their codes.
func (d Engine) Stock(ctx context.Context) (levels []stock.Level, err error) {
	err = d.read(ctx, func() error {
		levels, err = d.Store.Stock(ctx)
		return err
	})
	return levels, err
}

// Accept takes an upgrade or a renew. When it returns nil the task is on disk. The error is a
// [Refusal], a [RateLimited], or one of the store or the sealer, and then it is not known whether the
// task was accepted: the key's info shows it.
func (d Engine) Accept(ctx context.Context, q Request) error {
	if q.Kind != Renew {
		q.Account.NewEmail, q.Account.NewPassword = Secret{}, Secret{} // they mean nothing to any other kind
	}
	q = q.trimmed()
	id, empty, known := d.NewID(), false, false
	for range maxConflictRetries {
		v, err := d.Snapshot(ctx, q.Code)
		if err != nil {
			return err
		}
		if known && !v.Key.Exists() {
			return KeyGone
		}
		known = v.Key.Exists()
		c, err := d.Rules.Accept(v, q, id, empty)
		if err != nil {
			return err
		}
		if err := d.seal(&c, q.Account); err != nil {
			return err
		}
		err = d.apply(ctx, c)
		if !errors.Is(err, stock.ErrOutOfStock) && !errors.Is(err, ErrConflict) {
			return err
		}
		empty = errors.Is(err, stock.ErrOutOfStock)
	}
	return ErrConflict
}

// seal keeps the account in a task that stays open.
func (d Engine) seal(c *Change, a Account) (err error) {
	if c.Task.Open() {
		c.Task.Sealed, err = d.Sealer.Seal(a.encode(), c.Task.bound())
	}
	return err
}

// Update makes one of an operator's changes. The view is read before each try, since the key may
// change meanwhile; a worker that has leased the task since is such a change too. The error is that of
// the read, the decision or the store, or [ErrConflict] if others were faster every time.
func (d Engine) Update(ctx context.Context, read func(context.Context) (Snapshot, error), decide func(Snapshot, string) (Change, error)) error {
	id := d.NewID()
	for range maxConflictRetries {
		v, err := read(ctx)
		if err != nil {
			return err
		}
		c, err := decide(v, id)
		if err != nil {
			return err
		}
		if err := d.apply(ctx, c); !errors.Is(err, ErrConflict) && !errors.Is(err, ErrFenced) {
			return err
		}
	}
	return ErrConflict
}

// maxConflictRetries bounds how often one call decides anew because others were faster.
const maxConflictRetries = 64

// Snapshot reads a key and its latest task. An unknown code is no error: its key does not exist.
func (d Engine) Snapshot(ctx context.Context, code keys.Code) (Snapshot, error) {
	return readOne(ctx, d, code, d.Store.Snapshots)
}

// readOne reads what there is of one code.
func readOne[T any](ctx context.Context, d Engine, code keys.Code, read func(context.Context, []keys.Code) ([]T, error)) (got T, err error) {
	err = d.read(ctx, func() error {
		all, err := read(ctx, []keys.Code{code})
		if err == nil {
			got = all[0]
		}
		return err
	})
	return got, err
}

// The pauses between tries while the store is away.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
	readTries  = 3
	applyTries = 20 // about a quarter of a minute
)

// read repeats a failed read a little, which hides a connection that was cut.
func (d Engine) read(ctx context.Context, do func() error) error {
	err := do()
	for i, pause := 1, firstPause; err != nil && i < readTries; i, pause = i+1, 2*pause {
		if d.Pause(ctx, pause) != nil {
			break
		}
		err = do()
	}
	return err
}

// apply makes one change. While its outcome is not known it is applied again, which answers as the
// first time did: the one way to learn what became of a commit whose answer was lost.
func (d Engine) apply(ctx context.Context, c Change) (err error) {
	pause := firstPause
	for range applyTries {
		var errs []error
		if errs, err = d.Store.Apply(ctx, []Change{c}); err == nil {
			return errs[0]
		}
		if d.Pause(ctx, pause) != nil {
			break
		}
		pause = min(2*pause, lastPause)
	}
	return err
}
