package blackbox_test

import "syscall"

// leash makes a process die with the tests, even where these are killed.
func leash() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
