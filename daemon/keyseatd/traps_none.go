//go:build !crashpoints

package main

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// The traps are where a build for tests (-tags crashpoints) dies, panics or has a clock that is off.
// In every other build there are none.

// trapStore gives the store as it is.
func trapStore(_ context.Context, s tasks.Store) tasks.Store { return s }

// trapConnector gives the connector as it is.
func trapConnector(_ context.Context, c tasks.Connector) tasks.Connector { return c }

// clock is the daemon's.
func clock() time.Time { return time.Now() }
