package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A Result is the output and the exit status of a command.
type Result struct {
	Out, Err string
	Code     int
}

// Exec runs keyseatd with arguments and waits for its end.
func (s *Shop) Exec(args ...string) Result { return s.ExecInput("", args...) }

// ExecInput is like Exec, with a standard input.
func (s *Shop) ExecInput(stdin string, args ...string) Result {
	s.Helper()
	var out, err bytes.Buffer
	cmd := s.Command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	failed := cmd.Run()
	var status *exec.ExitError
	if failed != nil && !errors.As(failed, &status) {
		s.Fatal(failed)
	}
	return Result{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// Command returns a command that has not started. It is killed when its test ends.
func (s *Shop) Command(args ...string) *exec.Cmd {
	program := s.Program
	if program == "" {
		program = Program(s)
	}
	cmd := exec.CommandContext(s.Context(), program, args...)
	cmd.Dir, cmd.SysProcAttr = s.Folder, dieWithParent()
	cmd.Cancel = func() error { return KillGroup(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second // for programs that it has started and that still have its streams
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.Folder}, s.Env...)
	if s.Database != "" {
		cmd.Env = append(cmd.Env, "KEYSEAT_DATABASE="+s.Database)
	}
	return cmd
}

// MustExec runs a command that must succeed, and returns its output.
func (s *Shop) MustExec(args ...string) string { return s.MustExecInput("", args...) }

// MustExecInput is like MustExec, with a standard input.
func (s *Shop) MustExecInput(stdin string, args ...string) string {
	s.Helper()
	r := s.ExecInput(stdin, args...)
	if r.Code != 0 {
		s.Fatalf("keyseatd %s: status %d, %s", strings.Join(args[:2], " "), r.Code, r.Err)
	}
	return r.Out
}

// ExecJSON runs a command with --output json, and decodes its output.
func (s *Shop) ExecJSON(into any, args ...string) {
	s.Helper()
	if err := json.Unmarshal([]byte(s.MustExec(append(args, "--output", "json")...)), into); err != nil {
		s.Fatalf("keyseatd %s: %v", args[0], err)
	}
}
