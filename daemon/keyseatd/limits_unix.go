//go:build unix

package main

import "syscall"

// maxFiles is how many files the process may have open, 0 if that is not known.
func maxFiles() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), 1<<30)) //nolint:gosec,unconvert // it is bounded, and signed on some systems
}
