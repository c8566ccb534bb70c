package harness

import (
	"os"
	"syscall"
)

// dieWithParent makes a process end with the tests, even if the tests are killed. The process leads a group of its own.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// KillGroup kills a process, and all that it has started.
func KillGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// PeakMemory returns the peak memory of a process that has ended, in MiB.
func PeakMemory(p *os.ProcessState) int64 {
	usage, known := p.SysUsage().(*syscall.Rusage)
	if !known {
		return 0
	}
	return usage.Maxrss >> 10
}
