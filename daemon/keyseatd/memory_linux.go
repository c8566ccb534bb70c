package main

import "golang.org/x/sys/unix"

// protectMemory makes the process not dumpable: its memory gets into no core dump, and other processes of the same
// user cannot read it. root still can.
func protectMemory() error {
	// If a sandbox forbids this call, the process is not dumpable all the same, and then the kernel writes no core.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
