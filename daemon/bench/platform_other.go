//go:build !linux

package main

import (
	"syscall"
	"time"
)

// dieWithParent returns no attributes. On this system, a process is killed only when its context ends.
func dieWithParent() *syscall.SysProcAttr { return nil }

func sleep(d time.Duration) { time.Sleep(d) }
