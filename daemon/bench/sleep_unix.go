//go:build unix

package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep sleeps as exactly as the kernel can.
func sleep(d time.Duration) {
	if d > 0 {
		rest := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&rest, nil) // woken early it is early by no more than that
	}
}
