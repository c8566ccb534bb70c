//go:build !unix

package pgtest

import (
	"errors"
	"os"
	"syscall"
)

func unprivileged() *syscall.SysProcAttr { return nil }

func chownToServer(string) error { return nil }

func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

func suspend(int) error { return errors.ErrUnsupported }

func killGroup(leader int) error { return kill(leader) }
