//go:build !linux

package blackbox_test

import (
	"os"
	"syscall"
)

func leash() *syscall.SysProcAttr { return nil }

func finish(p *os.Process) error { return p.Kill() }
