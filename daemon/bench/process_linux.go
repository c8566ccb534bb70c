package main

import "syscall"

// leashed returns attributes that kill a process when its parent dies. An interrupt at the terminal reaches
// only the parent.
func leashed() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
