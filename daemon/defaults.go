package daemon

import (
	"net/http"
	"time"
)

// The limits of an [API] and of a [Server] that set none.
const (
	DefaultUnknownKeys = 30   // unknown keys per minute and client address, of this process
	DefaultCalls       = 1024 // calls that are carried out simultaneously
	DefaultConnections = 4096 // connections of each listener
)

// NoLimit switches a limit off, as the value of [API.MaxInFlight] or [Server.MaxConns].
const NoLimit = -1

// NoUnknownKeyLimit switches the limit on unknown keys off, as the value of [API.Strangers]. Anybody can
// then try keys as fast as the API answers.
var NoUnknownKeyLimit = &Strangers{}

// limiter is the one that was set, or else one with the default limit.
func (a *API) limiter() *Strangers {
	if a.Strangers != nil {
		return a.Strangers
	}
	a.standard.Do(func() {
		a.standard.Strangers, _ = NewStrangers(DefaultUnknownKeys, nil, time.Now) // fails for a cache of no size alone
	})
	return a.standard.Strangers
}

// Register mounts the API in a mux at both its paths, /API and everything below /API/. With /API/ alone the
// mux would redirect a request for /API, and repeat its query in the header Location, with the password.
//
// Give a router of another kind both paths as well. Below a prefix use [http.StripPrefix]. Like every path of
// an [http.ServeMux], one that is not clean, such as //API/, is redirected to the clean one with its query.
func (a *API) Register(mux *http.ServeMux) {
	mux.Handle("/API", a)
	mux.Handle("/API/", a)
}
