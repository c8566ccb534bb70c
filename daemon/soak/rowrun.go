package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// options are the values of the command line, and the folders of one run.
type options struct {
	length    float64
	keep      string // the folder for the files of tests
	root      string // the folder of the main module
	temporary string // the folder for temporary files of tests
}

// A rowRun is one run of the test of a row.
type rowRun struct {
	row
	command string // the command that runs the row again
	log     string // the path of the file with the test's output
	reports []*report
	took    time.Duration
	err     error // the violation, or the reason why the test did not run; nil: no violation
}

// runRow runs the test of a row to its end, and puts the test's files into a folder of [options.keep].
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

// testCommand returns the command that runs the test of a row, as a process group that ends with the context.
func (o options) testCommand(ctx context.Context, r row, folder string) *exec.Cmd {
	args := []string{"test", "-json", "-count=1", "-timeout=0", "-run", r.test, "-artifacts", "-outputdir", folder, r.pkg}
	cmd := exec.CommandContext(ctx, "go", append(args, r.args(o.length)...)...)
	cmd.Dir = o.root
	cmd.Env = append(os.Environ(), "KEYSEAT_REQUIRE_POSTGRES=1", "TMPDIR="+o.temporary)
	startProcessGroup(cmd)
	cmd.WaitDelay = time.Minute
	return cmd
}

// start runs the command to its end, and reads the reports of the test. It returns the violation, if any.
func (r *rowRun) start(ctx context.Context, cmd *exec.Cmd) error {
	log, err := os.Create(r.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // a lost line of the log does not change the result
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

// violation returns the text of the column "violations" for a report, or for the whole row if the report is nil.
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

// printHeading writes the date, the versions and the machine of the run, and the head of the table.
func (o options) printHeading(ctx context.Context, w io.Writer, now time.Time) {
	_, _ = fmt.Fprintf(w, "%s, length %g, %s %s/%s, %d cores, %s, keyseat %s\n\n",
		now.Format(time.DateOnly), o.length, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		o.output(ctx, "sh", "-c", `PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)" && postgres --version`),
		o.output(ctx, "git", "describe", "--always", "--dirty"))
	_, _ = fmt.Fprint(w, "| promise | where | trials | faults | | violations | took |\n| --- | --- | --- | --- | --- | --- | --- |\n")
}

// output returns the output of a program that runs in the main module, or a text that the output is unknown.
func (o options) output(ctx context.Context, name string, args ...string) string {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = o.root
	out, err := cmd.Output()
	if err != nil {
		return "(" + name + ": unknown)"
	}
	return strings.TrimSpace(string(out))
}

// print writes the lines of a row: one for each report, or one for the whole row if no test has reported anything.
func (r *rowRun) print(w io.Writer) {
	lines := 0
	for _, p := range r.reports {
		if len(p.names) == 0 && (!p.failed || r.hasSubtestReport(p)) {
			continue
		}
		_, _ = fmt.Fprintf(w, "| %s (`%s`) | %s | %s | %s | %s | %s | %s |\n", r.promise, r.name, p.subtest(),
			p.values["trials"], p.values["faults"], p.otherValues(), r.violation(p), r.took.Round(time.Second))
		lines++
	}
	if lines == 0 {
		_, _ = fmt.Fprintf(w, "| %s (`%s`) | | | | | %s | %s |\n", r.promise, r.name, r.violation(nil), r.took.Round(time.Second))
	}
}

// hasSubtestReport reports whether a subtest of a test has a report too. Such a report is more specific.
func (r *rowRun) hasSubtestReport(of *report) bool {
	return slices.ContainsFunc(r.reports, func(p *report) bool { return strings.HasPrefix(p.test, of.test+"/") })
}

// printCommand prints the path of the log of a violation, and the command that runs the test again.
func (r *rowRun) printCommand(w io.Writer) {
	_, _ = fmt.Fprintf(w, "\n%s: see %s and the other files in its folder; run it again with\n\t%s\n", r.name, r.log, r.command)
}
