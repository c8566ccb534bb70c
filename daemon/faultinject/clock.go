//go:build crashpoints

package faultinject

import (
	"os"
	"strings"
	"time"
	"unsafe"
)

// Now returns the current time plus the offset in the file that KEYSEAT_SKEW names. A test may change the file
// at any time. Then the wall clock jumps, as on a real machine. The monotonic clock does not jump.
func Now() time.Time {
	now := time.Now()
	text, err := os.ReadFile(os.Getenv("KEYSEAT_SKEW"))
	if err != nil {
		return now
	}
	offset, _ := time.ParseDuration(strings.TrimSpace(string(text))) // a partly written file counts as no offset
	return shifted(now, offset)
}

// shifted shifts the wall clock of t but not its monotonic reading. Package time has no method for this.
//
// It relies on the layout of [time.Time]. If a time has a monotonic reading, bits 30 and up of the first
// word hold the wall seconds since 1885.
func shifted(t time.Time, by time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(int64(by/time.Second)) << 30
	return t
}
