//go:build crashpoints

package main

import (
	"os"
	"strings"
	"time"
	"unsafe"
)

// clock is as far off as the file that KEYSEAT_SKEW names says ("-10m"), which may change at any
// time: then the clock steps, as a machine's does, and what passes by the monotonic clock does not.
func clock() time.Time {
	now := time.Now()
	text, err := os.ReadFile(os.Getenv("KEYSEAT_SKEW"))
	if err != nil {
		return now
	}
	off, _ := time.ParseDuration(strings.TrimSpace(string(text))) // half written: not off
	return stepped(now, off)
}

// stepped is a time with another wall clock and the same monotonic one. No method of the time does
// that, because it never happens but to a machine: the seconds of one that has both stand, since 1885,
// in the bits from the 30th of its first word.
func stepped(t time.Time, by time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(int64(by/time.Second)) << 30
	return t
}
