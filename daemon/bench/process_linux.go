package main

import "syscall"

// leashed is a process that dies with us. An interrupt at the terminal is for us alone.
func leashed() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
