//go:build !linux

package main

import "syscall"

// leashed is a process that dies with the context that it was started under.
func leashed() *syscall.SysProcAttr { return nil }
