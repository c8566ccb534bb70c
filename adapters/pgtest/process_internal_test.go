//go:build unix

package pgtest

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestKillServerLeavesNoProcess kills a program that starts processes all the time.
func TestKillServerLeavesNoProcess(t *testing.T) {
	server := exec.CommandContext(t.Context(), "/bin/sh", "-c", "for i in $(seq 1000); do sleep 60 & sleep 0.001; done")
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	group := server.Process.Pid
	t.Cleanup(func() { _ = killGroup(group) }) // if the test has failed
	for len(children(group)) < 3 {
		time.Sleep(time.Millisecond)
	}
	if err := killServer(group); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait() // it was killed
	for end := time.Now().Add(10 * time.Second); !errors.Is(syscall.Kill(-group, 0), syscall.ESRCH); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a process lives on")
		}
	}
}
