package blackbox_test

import (
	"os"
	"syscall"
)

// peak is the most memory that a process had, in MiB.
func peak(p *os.ProcessState) int64 {
	usage, known := p.SysUsage().(*syscall.Rusage)
	if !known {
		return 0
	}
	return usage.Maxrss >> 10
}
