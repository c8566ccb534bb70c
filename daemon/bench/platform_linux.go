package main

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dieWithParent returns attributes that kill a process when its parent dies. An interrupt at the terminal reaches
// only the parent.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// sleep sleeps with the kernel's precision.
func sleep(d time.Duration) {
	if d > 0 {
		timeout := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&timeout, nil) // a signal may end it early, which does no harm
	}
}
