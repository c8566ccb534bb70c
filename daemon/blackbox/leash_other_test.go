//go:build !linux

package blackbox_test

import "syscall"

func leash() *syscall.SysProcAttr { return nil }
