//go:build !crashpoints

package main

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// The traps exist only in a test build (-tags crashpoints), where they kill the process, panic or shift
// the clock. In every other build they do nothing.

// trapStore returns s unchanged.
func trapStore(_ context.Context, s tasks.Store) tasks.Store { return s }

// trapConnector returns c unchanged.
func trapConnector(_ context.Context, c tasks.Connector) tasks.Connector { return c }

// clock returns the current time.
func clock() time.Time { return time.Now() }
