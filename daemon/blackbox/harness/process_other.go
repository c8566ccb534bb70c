//go:build !linux

package harness

import (
	"os"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

// KillGroup kills a process. The processes that it has started stay alive.
func KillGroup(p *os.Process) error { return p.Kill() }

// PeakMemory returns 0, because this system does not report the peak memory.
func PeakMemory(*os.ProcessState) int64 { return 0 }
