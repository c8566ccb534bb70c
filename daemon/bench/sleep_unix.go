//go:build unix

package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep sleeps with the kernel's precision.
func sleep(d time.Duration) {
	if d > 0 {
		rest := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&rest, nil) // a signal may end it early, which does no harm
	}
}
