package blackbox_test

import (
	"os"
	"syscall"
)

// PeakMemory is the most memory that a process had, in MiB.
func PeakMemory(p *os.ProcessState) int64 {
	usage, known := p.SysUsage().(*syscall.Rusage)
	if !known {
		return 0
	}
	return usage.Maxrss >> 10
}
