package blackbox_test

import (
	"os"
	"syscall"
)

// leash makes a process die with the tests, even where these are killed, and lead a group of its own.
func leash() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// finish ends a process as kill -9 does, and all that it has started.
func finish(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
