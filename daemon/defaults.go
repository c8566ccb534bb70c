package daemon

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"time"

	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/internal/clock"
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

// NewEngine returns an engine with the real clock, real randomness and real waiting.
func NewEngine(store tasks.Store, connector tasks.Connector, sealer tasks.Sealer, rules tasks.Rules) tasks.Engine {
	return tasks.Engine{
		Store:     store,
		Connector: connector,
		Sealer:    sealer,
		Rules:     rules,
		NewID:     rand.Text,
		Now:       time.Now,
		Jitter:    mathrand.Float64,
		Pause:     clock.Sleep,
	}
}
