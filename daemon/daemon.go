// Package daemon serves the API of keyseat over HTTP.
//
//   - [API] is a handler that mounts in any mux.
//   - [Server] runs the API and a worker pool on its own listeners, and stops them in order.
//   - [NewEngine] combines a store and a connector into the engine that both use.
//
// This is the path of a request:
//
//	Server ─▶ connlimit ─▶ API ─▶ parse ─▶ ratelimit ─▶ Engine.Accept ─▶ Store
//	                        │                           Engine.Info
//	                        │ stock: stock cache ─────▶ Engine.Stock
//	                        │
//	                        └─ wakes after Accept ─▶ worker.Pool
//
// These packages are the parts. They import nothing of this package:
//
//   - worker has the pool that carries out accepted tasks.
//   - ratelimit limits the unknown keys of a client, and connlimit the connections of a server.
//   - loglimit limits log lines that repeat.
//
// The other packages in this folder surround it:
//
//   - admin serves the admin API, and console the web interface for operators.
//   - holderpage is the web page for the holders of keys.
//   - webhooks sends events to endpoints, and metrics measures a daemon for Prometheus.
//   - view, csvfile and terminal have the JSON, the CSV files and the tables that operators see.
//   - doctor finds and repairs inconsistencies, and archive moves finished tasks out of a store.
//   - client calls the public API and the admin API from Go.
//   - keyseatd is the program.
//   - blackbox, simulation, soak and faultinject test the whole, and bench compares it with other programs.
package daemon

import (
	"crypto/rand"
	mathrand "math/rand/v2"
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

// NewEngine returns an engine with the real clock, real randomness and real waiting. Its fingerprints of keys are
// those of this engine only. For the same ones in other processes, set Fingerprints.
//
// If the store is a [tasks.LoginCounter], the engine limits the tests of logins. It hashes logins with the method Hash
// of the sealer, as [keyring.Ring] has one, or else with a random key of this engine.
//
// [keyring.Ring]: https://pkg.go.dev/github.com/keyseat/keyseat/adapters/keyring#Ring
func NewEngine(store tasks.Store, connector tasks.Connector, sealer tasks.Sealer, rules tasks.Rules) tasks.Engine {
	logins, _ := store.(tasks.LoginCounter)
	return tasks.Engine{
		Store:        store,
		Logins:       logins,
		LoginHash:    loginHash(sealer),
		Connector:    connector,
		Sealer:       sealer,
		Rules:        rules,
		Fingerprints: NewFingerprintKey(),
		NewID:        rand.Text,
		Now:          time.Now,
		Jitter:       mathrand.Float64,
		Pause:        clock.Sleep,
	}
}

// loginHash returns the function that hashes logins.
func loginHash(sealer tasks.Sealer) func(string) (string, error) {
	if s, ok := sealer.(interface {
		Hash(text string) (string, error)
	}); ok {
		return s.Hash
	}
	key := NewFingerprintKey()
	return func(login string) (string, error) { return key.Fingerprint(keys.Code(login)), nil }
}

// NewFingerprintKey returns a new random key.
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
