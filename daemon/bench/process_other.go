//go:build !linux

package main

import "syscall"

// leashed returns no attributes: a process is killed only when its context ends.
func leashed() *syscall.SysProcAttr { return nil }
