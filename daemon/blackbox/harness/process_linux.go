package harness

import (
	"os"
	"syscall"
)

// dieWithParent returns attributes with which a process is killed when the test process ends or is killed. The process
// leads a process group of its own.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// KillGroup kills a process and the other processes of its group.
func KillGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// PeakMemory returns the peak memory of a process that has ended, in MiB.
func PeakMemory(p *os.ProcessState) int64 {
	usage, known := p.SysUsage().(*syscall.Rusage)
	if !known {
		return 0
	}
	return usage.Maxrss >> 10
}
