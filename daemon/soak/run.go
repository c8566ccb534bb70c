package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A rowRun is one run of a row.
type rowRun struct {
	row
	command string // the command that runs the row again
	log     string // path of the test's output
	reports []*report
	took    time.Duration
	err     error // nil: no violation
}

// runRow runs the test of a row to its end, and keeps the test's files in a folder.
func (o options) runRow(ctx context.Context, r row) rowRun {
	start := time.Now()
	run := rowRun{row: r, command: "go -C daemon/soak run . --length " + fmt.Sprint(o.length) + " --only " + r.name}
	folder := filepath.Join(o.keep, r.name)
	run.err = os.MkdirAll(folder, 0o755)
	if run.err == nil {
		run.log = filepath.Join(folder, "log")
		run.err = run.start(ctx, o.testCommand(ctx, r, folder))
	}
	run.took = time.Since(start)
	return run
}

// testCommand returns the command of a row. It runs as a process group, so that all its processes end with the
// context.
func (o options) testCommand(ctx context.Context, r row, folder string) *exec.Cmd {
	args := []string{"test", "-json", "-count=1", "-timeout=0", "-run", r.test, "-artifacts", "-outputdir", folder, r.pkg}
	cmd := exec.CommandContext(ctx, "go", append(args, r.args(o.length)...)...)
	cmd.Dir = o.root
	cmd.Env = append(os.Environ(), "KEYSEAT_REQUIRE_POSTGRES=1", "TMPDIR="+o.temporary)
	startProcessGroup(cmd)
	cmd.WaitDelay = time.Minute
	return cmd
}

// start runs the command and reads the test's reports.
func (r *rowRun) start(ctx context.Context, cmd *exec.Cmd) error {
	log, err := os.Create(r.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // a lost log line does not change the result
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	r.reports, err = readReports(stdout, log)
	return errors.Join(err, cmd.Wait(), ctx.Err(), r.verify())
}

// verify returns an error unless every test ran, succeeded and made at least one trial.
func (r *rowRun) verify() error {
	if len(r.reports) == 0 {
		return errors.New("the test has reported nothing")
	}
	for _, p := range r.reports {
		if p.failed || p.values["trials"] == "0" {
			return fmt.Errorf("%s has failed, was skipped, or made no trial", p.test)
		}
	}
	return nil
}

// violation returns the text of the column with violations, for a report or, if of is nil, for the row.
func (r *rowRun) violation(of *report) string {
	anyFailed := false
	for _, p := range r.reports {
		anyFailed = anyFailed || p.failed
	}
	switch {
	case r.err == nil, of != nil && anyFailed && !of.failed:
		return "0"
	case errors.Is(r.err, context.Canceled):
		return "not known: interrupted"
	}
	return "**violated**: " + strings.ReplaceAll(r.err.Error(), "\n", "; ")
}
