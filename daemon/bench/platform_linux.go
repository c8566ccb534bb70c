package main

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dieWithParent returns attributes with which a process is killed when bench ends. The process has a process group of
// its own, so that an interrupt at the terminal reaches only bench.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// sleep blocks the thread for a duration, with the precision of the kernel's timers.
func sleep(d time.Duration) {
	if d > 0 {
		timeout := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&timeout, nil) // a signal may end the sleep early, which does no harm
	}
}
