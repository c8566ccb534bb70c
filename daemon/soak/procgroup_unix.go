//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// startProcessGroup makes a command the leader of a process group, which is killed when the command's context ends.
func startProcessGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
