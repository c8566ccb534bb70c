//go:build unix

package main

import "syscall"

// maxFiles returns the number of files that the process may open, or 0 if the limit is unknown.
func maxFiles() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), 1<<30)) //nolint:gosec,unconvert // it is bounded, and signed on some systems
}
