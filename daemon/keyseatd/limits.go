package main

import (
	"cmp"

	"github.com/keyseat/keyseat/daemon"
)

// limitFlags limit the number of simultaneous connections and requests.
type limitFlags struct {
	MaxConnections int `default:"4096" validate:"min=0" placeholder:"N" help:"Connections of each listener, at most a quarter of the files that the process may open. Past it those are closed that kept the daemon waiting longest. 0 is off."`
	MaxRequests    int `default:"1024" validate:"min=0" placeholder:"N" help:"Requests carried out at once, past which the answer is 503. 0 is off."`
}

// apply sets the limits of a server. Connections are limited to a quarter of the files that the process
// may open.
func (f limitFlags) apply(server *daemon.Server) {
	server.API.MaxInFlight, server.MaxConns = cmp.Or(f.MaxRequests, daemon.NoLimit), cmp.Or(f.MaxConnections, daemon.NoLimit)
	if most := maxFiles() / 4; most > 0 && server.MaxConns > 0 { // the other files are for databases, the provider and the other listener
		server.MaxConns = min(server.MaxConns, most)
	}
}
