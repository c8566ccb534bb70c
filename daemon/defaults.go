package daemon

import (
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"net/http"
	"time"
)

// The default limits of an [API] and of a [Server].
const (
	DefaultUnknownKeys = 30   // unknown keys per minute and client address, in this process
	DefaultCalls       = 1024 // calls that are carried out simultaneously
	DefaultConnections = 4096 // connections of each listener
)

// NoLimit switches a limit off, as the value of [API.MaxInFlight] or [Server.MaxConns].
const NoLimit = -1

// NoUnknownKeyLimit switches the limit on unknown keys off, as the value of [API.UnknownKeyLimiter].
// Clients can then try keys as fast as the API answers.
var NoUnknownKeyLimit = new(ratelimit.Limiter)

// limiter returns Strangers if it is set, and otherwise a limiter with the default limit.
func (a *API) limiter() *ratelimit.Limiter {
	if a.UnknownKeyLimiter != nil {
		return a.UnknownKeyLimiter
	}
	a.standard.Do(func() {
		a.standard.Limiter, _ = ratelimit.New(DefaultUnknownKeys, nil, time.Now) // fails only for a cache of size 0
	})
	return a.standard.Limiter
}

// Register mounts the API in a mux at both its paths, /API and everything below /API/. With /API/
// alone the mux would redirect a request for /API. The redirect would repeat the query in the
// header Location, with the password.
//
// In a router of another kind, mount both paths as well. Below a prefix use [http.StripPrefix]. An
// [http.ServeMux] redirects every path that is not clean, such as //API/, to the clean path with
// its query.
func (a *API) Register(mux *http.ServeMux) {
	mux.Handle("/API", a)
	mux.Handle("/API/", a)
}
