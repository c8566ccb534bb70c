package main

import "golang.org/x/sys/unix"

// protectMemory makes the process not dumpable. Its memory gets into no core dump, and other processes of the same
// user cannot read it. Processes of root still can.
func protectMemory() error {
	// A sandbox may forbid this call. The next call is then enough: the kernel writes no core of a process that is not
	// dumpable.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
