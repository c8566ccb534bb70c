//go:build !crashpoints

package faultinject

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// Store returns s unchanged.
func Store(_ context.Context, s tasks.Store) tasks.Store { return s }

// Connector returns c unchanged.
func Connector(_ context.Context, c tasks.Connector) tasks.Connector { return c }

// Now returns the current time.
func Now() time.Time { return time.Now() }
