package tasks

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// An Engine serves the four calls of the API (info, stock, upgrade and renew) and carries out the accepted tasks. Its
// fields must be set, except Logins and LoginHash. An Engine has no other state, so it may be copied. It is safe for
// concurrent use.
type Engine struct {
	Store     Store
	Connector Connector
	Sealer    Sealer
	Rules     Rules

	Logins    LoginCounter                       // counts the tasks that test a login; nil: no limit on them
	LoginHash func(login string) (string, error) // returns a keyed hash; may be nil if Logins is nil

	Fingerprints keys.FingerprintKey // with which programs log keys; the engine itself does not log

	NewID  func() string                              // returns a unique id that cannot be guessed, of letters and digits
	Now    func() time.Time                           // must be monotonic: the engine uses only the time between two calls
	Jitter func() float64                             // returns a random number in [0,1)
	Pause  func(context.Context, time.Duration) error // waits; returns the context's error if the context ends earlier
}

// Info reads a key. A key that does not exist is not an error: its [keys.Key.InfoShape] is [keys.NotFound].
func (e Engine) Info(ctx context.Context, code keys.Code) (keys.Key, error) {
	return readOne(ctx, e, code, e.Store.Find)
}

// Stock reads the numbers of slots for every country that has a plan, in the order of the countries' codes.
func (e Engine) Stock(ctx context.Context) (levels []stock.Level, err error) {
	err = e.read(ctx, func() error {
		levels, err = e.Store.Stock(ctx)
		return err
	})
	return levels, err
}

// Accept accepts an upgrade or a renew. If it returns nil, the task is stored durably. The error is a [Refusal], a
// [RateLimited], or an error of the store or the sealer. After an error of the store or the sealer it is unknown
// whether the task was accepted. Call [Engine.Info] to find out.
//
// Usually Accept calls the store once, and the store decides on the request with [Change.Decide]. If the country has no
// free slot, or a concurrent change was faster, Accept reads a snapshot and decides itself.
func (e Engine) Accept(ctx context.Context, q Request) error {
	if q.Kind != Renew {
		q.Account.NewEmail, q.Account.NewPassword = Secret{}, Secret{} // only a renew uses these two
	}
	q = q.trimmed()
	id := e.NewID()
	c, err := e.undecided(q, id)
	if err != nil {
		// A refusal because of the key comes before the error of the request or of the sealer.
		_, refusal := e.decide(ctx, q, id, false)
		return cmp.Or(refusal, err)
	}
	err = e.applyUndecided(ctx, c)
	for range maxConflictRetries - 1 {
		empty := errors.Is(err, stock.ErrOutOfStock)
		if !empty && !errors.Is(err, ErrConflict) {
			break
		}
		err = e.acceptAgain(ctx, q, id, empty)
	}
	return err
}

// undecided returns a change whose Decide accepts or refuses the request when the store calls it. The change contains
// the sealed account. The error is a [Refusal] or the error of the sealer.
func (e Engine) undecided(q Request, id string) (Change, error) {
	if err := q.Check(e.Rules.Password); err != nil {
		return Change{}, err
	}
	task, err := Snapshot{Key: keys.Key{Code: q.Code}}.newTask(q, id)
	if err != nil {
		return Change{}, err
	}
	c := accepted(keys.Key{Code: q.Code}, task)
	err = e.seal(&c, q.Account)
	sealed := c.Task.Sealed
	c.Key = nil // the engine has not read the key
	c.Decide = func(v Snapshot) (Change, error) {
		c, err := e.Rules.Accept(v, q, id, false)
		if err == nil {
			c.Task.Sealed = sealed
		}
		return c, err
	}
	return c, err
}

// applyUndecided applies an undecided change. If the store fails, it is unknown whether the change was made. Then
// applyUndecided reads the key. If the read fails too, the store is unavailable, and applyUndecided returns the error
// of the read. If the read succeeds, applyUndecided applies the change again.
func (e Engine) applyUndecided(ctx context.Context, c Change) error {
	errs, err := e.Store.Apply(ctx, []Change{c})
	if err == nil {
		return errs[0]
	}
	if _, err := e.Snapshot(ctx, c.Code()); err != nil {
		return err
	}
	return e.apply(ctx, c)
}

// decide reads a snapshot of the request's key and calls [Rules.Accept] with the other arguments.
func (e Engine) decide(ctx context.Context, q Request, id string, empty bool) (Change, error) {
	v, err := e.Snapshot(ctx, q.Code)
	if err != nil {
		return Change{}, err
	}
	return e.Rules.Accept(v, q, id, empty)
}

// acceptAgain decides on a request whose key existed a moment ago, and applies the change. If the key no longer exists,
// the error is [KeyGone].
func (e Engine) acceptAgain(ctx context.Context, q Request, id string, empty bool) error {
	c, err := e.decide(ctx, q, id, empty)
	switch {
	case errors.Is(err, UnknownKey):
		return KeyGone
	case err != nil:
		return err
	}
	if err := e.seal(&c, q.Account); err != nil {
		return err
	}
	return e.apply(ctx, c)
}

func (e Engine) seal(c *Change, a Account) (err error) {
	if c.Task.Open() {
		c.Task.Sealed, err = e.Sealer.Seal(a.encode(), c.Task.bound())
	}
	return err
}

// Update makes one of an operator's changes. Each try reads a new snapshot and decides again, because the
// key or the lease of its task may have changed since the last try. Update returns the error of the read,
// the decision or the store. It returns [ErrConflict] if concurrent changes were faster in every try.
func (e Engine) Update(ctx context.Context, read func(context.Context) (Snapshot, error), decide func(Snapshot, string) (Change, error)) error {
	id := e.NewID()
	for range maxConflictRetries {
		v, err := read(ctx)
		if err != nil {
			return err
		}
		c, err := decide(v, id)
		if err != nil {
			return err
		}
		if err := e.apply(ctx, c); !errors.Is(err, ErrConflict) && !errors.Is(err, ErrFenced) {
			return err
		}
	}
	return ErrConflict
}

// maxConflictRetries is the maximum number of decisions in one call of an [Engine] method. The method decides again
// after each concurrent change.
const maxConflictRetries = 64

// Snapshot reads a key and its latest task. For an unknown code, the key of the snapshot does not exist.
func (e Engine) Snapshot(ctx context.Context, code keys.Code) (Snapshot, error) {
	return readOne(ctx, e, code, e.Store.Snapshots)
}

// readOne calls read for one code and returns the only result.
func readOne[T any](ctx context.Context, e Engine, code keys.Code, read func(context.Context, []keys.Code) ([]T, error)) (got T, err error) {
	err = e.read(ctx, func() error {
		all, err := read(ctx, []keys.Code{code})
		if err == nil {
			got = all[0]
		}
		return err
	})
	return got, err
}

// The numbers of tries and the pauses between them while the store is not available.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
	readTries  = 3
	applyTries = 20 // about 16 seconds in total
)

// read repeats a failed read up to readTries times in total. That hides a broken connection from the caller.
func (e Engine) read(ctx context.Context, do func() error) error { return e.retry(ctx, readTries, do) }

// apply makes one change. If the store fails, it is unknown whether the change was made. apply then
// applies the same change again, up to applyTries times in total. The store returns nil for a change that
// it has already made. There is no other way to find the result of a commit after a lost connection.
func (e Engine) apply(ctx context.Context, c Change) error {
	var errs []error
	err := e.retry(ctx, applyTries, func() (err error) {
		errs, err = e.Store.Apply(ctx, []Change{c})
		return err
	})
	if err != nil {
		return err
	}
	return errs[0]
}

// retry calls do until it succeeds, up to tries times in total. The pause before each further try is twice as long as
// the one before, up to lastPause. If a pause ends early, because ctx has ended, retry returns the last error of do.
func (e Engine) retry(ctx context.Context, tries int, do func() error) error {
	err, pause := do(), firstPause
	for range tries - 1 {
		if err == nil || e.Pause(ctx, pause) != nil {
			break
		}
		err, pause = do(), min(2*pause, lastPause)
	}
	return err
}
