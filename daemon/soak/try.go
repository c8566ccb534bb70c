package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A trial is one run of a row.
type trial struct {
	row
	command  string // the command that runs it again
	log      string // path of its output
	findings []*finding
	took     time.Duration
	failure  error // nil: no violation
}

// try runs a row to its end, and keeps its files in a folder.
func (o options) try(ctx context.Context, r row) trial {
	start := time.Now()
	t := trial{row: r, command: "go -C daemon/soak run . --length " + fmt.Sprint(o.length) + " --only " + r.name}
	folder := filepath.Join(o.keep, r.name)
	t.failure = os.MkdirAll(folder, 0o755)
	if t.failure == nil {
		t.log = filepath.Join(folder, "log")
		t.failure = t.run(ctx, o.command(ctx, r, folder))
	}
	t.took = time.Since(start)
	return t
}

// command returns the command of a row. It runs as a process group, so that all its processes end with the
// context.
func (o options) command(ctx context.Context, r row, folder string) *exec.Cmd {
	args := []string{"test", "-json", "-count=1", "-timeout=0", "-run", r.test, "-artifacts", "-outputdir", folder, r.pkg}
	cmd := exec.CommandContext(ctx, "go", append(args, r.figure(o.length)...)...)
	cmd.Dir = o.root
	cmd.Env = append(os.Environ(), "KEYSEAT_REQUIRE_POSTGRES=1", "TMPDIR="+o.temporary)
	together(cmd)
	cmd.WaitDelay = time.Minute
	return cmd
}

// run runs the test and reads its events.
func (t *trial) run(ctx context.Context, cmd *exec.Cmd) error {
	log, err := os.Create(t.log)
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
	t.findings, err = read(stdout, log)
	return errors.Join(err, cmd.Wait(), ctx.Err(), t.proven())
}

// proven returns an error unless every test ran, succeeded and tried something.
func (t *trial) proven() error {
	if len(t.findings) == 0 {
		return errors.New("the test has reported nothing")
	}
	for _, f := range t.findings {
		if f.failed || f.values["trials"] == "0" {
			return fmt.Errorf("%s has failed, was skipped, or has tried nothing", f.test)
		}
	}
	return nil
}

// violations returns the text of the column with violations, for a finding or, if of is nil, for the trial.
func (t *trial) violations(of *finding) string {
	others := slices.ContainsFunc(t.findings, func(f *finding) bool { return f.failed })
	switch {
	case t.failure == nil, of != nil && others && !of.failed:
		return "0"
	case errors.Is(t.failure, context.Canceled):
		return "not known: interrupted"
	}
	return "**violated**: " + strings.ReplaceAll(t.failure.Error(), "\n", "; ")
}
