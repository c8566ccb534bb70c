// Package daemon serves the API of keyseat over HTTP.
//
//   - [API] is a handler that mounts in any mux.
//   - [Server] runs the API and a worker pool on its own listeners, and drains them before it stops.
//   - [NewEngine] combines a store and a connector into the engine that an API and a worker pool use.
//
// This is the path of a request:
//
//	Server ─▶ connlimit ─▶ API ─▶ parse ─▶ ratelimit ─▶ Engine.Accept ─▶ Store
//	                        │                           Engine.Info
//	                        │ stock: stock cache ─────▶ Engine.Stock
//	                        │
//	                        └─ wakes after Accept ─▶ worker.Pool
//
// The parts of a daemon are packages of their own, which import nothing of this package:
//
//   - worker has the pool that carries out accepted tasks.
//   - ratelimit limits how many unknown keys a client may try, and connlimit the connections of a server.
//   - loglimit limits log lines that repeat.
//
// These are the other packages in this folder:
//
//   - admin serves the admin API, console the web interface for operators, and auditlog records their actions.
//   - holderpage is the web page for the holders of keys.
//   - webhooks sends events to endpoints, and metrics measures a daemon for Prometheus.
//   - view, csvfile and terminal have the JSON, the CSV files and the tables that operators see.
//   - doctor finds and repairs inconsistencies, and archive moves finished tasks out of a store.
//   - client calls the public API and the admin API from Go.
//   - keyseatd is the program.
//   - blackbox, simulation, soak and faultinject test the whole, and bench compares it with other programs.
package daemon

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// The default limits of an [API] and of a [Server].
const (
	DefaultUnknownKeys = 30   // unknown keys per minute and client address, in this process
	DefaultMaxInFlight = 1024 // requests that are carried out simultaneously
	DefaultMaxConns    = 4096 // connections of each listener
)

// NoLimit switches a limit off, as the value of [API.MaxInFlight] or [Server.MaxConns].
const NoLimit = -1

// NoUnknownKeyLimit switches the limit on unknown keys off, as the value of [API.UnknownKeyLimiter].
// Clients can then try keys as fast as the API answers.
var NoUnknownKeyLimit = new(ratelimit.Limiter)

// NewEngine returns an engine with the real clock, real randomness and real waiting. The engine gets a random
// fingerprint key. If several processes must make the same fingerprints, set the field Fingerprints of each engine.
//
// If the store is a [tasks.LoginCounter], the engine limits how often a login may be tested at the provider. If a store
// wraps another one and has a method Unwrap() tasks.Store, NewEngine also looks for a LoginCounter inside. Without one,
// there is no such limit, unless you set the field Logins of the engine. The engine hashes logins with the sealer's
// method Hash, which [keyring.Ring] has. For a sealer without that method, it hashes them with a random key of this
// engine.
func NewEngine(store tasks.Store, connector tasks.Connector, sealer tasks.Sealer, rules tasks.Rules) tasks.Engine {
	return tasks.Engine{
		Store: store, Logins: loginCounter(store), LoginHash: loginHash(sealer), Connector: connector, Sealer: sealer, Rules: rules,
		Fingerprints: NewFingerprintKey(), NewID: rand.Text, Now: time.Now, Jitter: mathrand.Float64, Pause: clock.Sleep,
	}
}

// loginCounter returns the outermost store that counts logins, or nil.
func loginCounter(store tasks.Store) tasks.LoginCounter {
	for {
		if counter, is := store.(tasks.LoginCounter); is {
			return counter
		}
		wrapper, is := store.(interface{ Unwrap() tasks.Store })
		if !is {
			return nil
		}
		store = wrapper.Unwrap()
	}
}

func loginHash(sealer tasks.Sealer) func(string) (string, error) {
	if s, ok := sealer.(interface {
		Hash(text string) (string, error)
	}); ok {
		return s.Hash
	}
	key := NewFingerprintKey()
	return func(login string) (string, error) { return key.Fingerprint(keys.Code(login)), nil }
}

// NewFingerprintKey returns a random key for the fingerprints of codes.
func NewFingerprintKey() (key keys.FingerprintKey) {
	_, _ = rand.Read(key[:]) // never fails: it crashes the program instead
	return key
}

// IssueKeys returns n new keys of an order that was paid at the given time. Their codes cannot be guessed.
func IssueKeys(n int, orderID string, at time.Time) []keys.Key {
	fresh := make([]keys.Key, n)
	for i := range fresh {
		var random [keys.EntropyBytes]byte
		_, _ = rand.Read(random[:]) // never fails: it crashes the program instead
		fresh[i] = keys.Issue(random, orderID, at)
	}
	return fresh
}

// A lazyDeadline is a context with a deadline, like that of [context.WithDeadline]. Its timer starts only when a caller
// begins to wait for the end of the context. Most requests are answered without such a wait, and then need no timer.
// That saves an eighth of the handler's time for an info request.
type lazyDeadline struct {
	context.Context // the context of the request
	at              time.Time

	mu       sync.Mutex
	timed    context.Context // nil: no caller has waited yet
	end      context.CancelFunc
	canceled bool
}

func newLazyDeadline(ctx context.Context, d time.Duration) *lazyDeadline {
	return &lazyDeadline{Context: ctx, at: time.Now().Add(d)}
}

func (d *lazyDeadline) Deadline() (at time.Time, has bool) {
	if at, has := d.Context.Deadline(); has && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

func (d *lazyDeadline) Done() <-chan struct{} { return d.start().Done() }

func (d *lazyDeadline) Err() error {
	d.mu.Lock()
	running := d.timed == nil && !d.canceled && d.Context.Err() == nil && time.Now().Before(d.at)
	d.mu.Unlock()
	if running {
		return nil
	}
	return d.start().Err()
}

func (d *lazyDeadline) start() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.end = context.WithDeadline(d.Context, d.at)
	}
	if d.canceled {
		d.end()
	}
	return d.timed
}

// cancel ends the context immediately, as a [context.CancelFunc] does.
func (d *lazyDeadline) cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.canceled = true; d.end != nil {
		d.end()
	}
}
