package blackbox_test

import (
	"os"
	"syscall"
)

// dieWithParent makes a process die with the tests, even where these are killed, and lead a group of its own.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// killGroup ends a process as kill -9 does, and all that it has started.
func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
