package main

import "golang.org/x/sys/unix"

// protectMemory makes the process not dumpable. No core dump contains the memory of the process, and other processes of
// the same user cannot read that memory. Processes of root still can.
func protectMemory() error {
	// A sandbox may forbid setrlimit. Then prctl is enough, because the kernel writes no core dump of a process that is
	// not dumpable.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
