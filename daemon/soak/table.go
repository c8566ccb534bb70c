package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// heading writes the date, the environment and the head of the table.
func (o options) heading(ctx context.Context, w io.Writer, now time.Time) {
	_, _ = fmt.Fprintf(w, "%s, length %g, %s %s/%s, %d cores, %s, keyseat %s\n\n",
		now.Format(time.DateOnly), o.length, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		o.asked(ctx, "sh", "-c", `PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)" && postgres --version`),
		o.asked(ctx, "git", "describe", "--always", "--dirty"))
	_, _ = fmt.Fprint(w, "| promise | where | trials | faults | | violations | took |\n| --- | --- | --- | --- | --- | --- | --- |\n")
}

// asked returns the output of a program.
func (o options) asked(ctx context.Context, name string, args ...string) string {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = o.root
	out, err := cmd.Output()
	if err != nil {
		return "(" + name + " does not tell)"
	}
	return strings.TrimSpace(string(out))
}

// print writes the lines of a trial, one for each test that has reported a figure or failed.
func (t *trial) print(w io.Writer) {
	lines := 0
	for _, f := range t.findings {
		if len(f.names) == 0 && (!f.failed || t.within(f)) {
			continue
		}
		_, _ = fmt.Fprintf(w, "| %s (`%s`) | %s | %s | %s | %s | %s | %s |\n", t.promise, t.name, f.where(),
			f.values["trials"], f.values["faults"], f.others(), t.violations(f), t.took.Round(time.Second))
		lines++
	}
	if lines == 0 {
		_, _ = fmt.Fprintf(w, "| %s (`%s`) | | | | | %s | %s |\n", t.promise, t.name, t.violations(nil), t.took.Round(time.Second))
	}
}

// within reports whether a subtest of that test has a finding, which is more specific.
func (t *trial) within(of *finding) bool {
	return slices.ContainsFunc(t.findings, func(f *finding) bool { return strings.HasPrefix(f.test, of.test+"/") })
}

// others returns the figures that have no column of their own.
func (f *finding) others() string {
	var all []string
	for _, name := range f.names {
		if name != "trials" && name != "faults" {
			all = append(all, name+" "+f.values[name])
		}
	}
	return strings.Join(all, ", ")
}

// replay prints the log of a violation, and the command that runs its test again.
func (t *trial) replay(w io.Writer) {
	if t.failure != nil {
		_, _ = fmt.Fprintf(w, "\n%s: see %s and what lies beside it; again with\n\t%s\n", t.name, t.log, t.command)
	}
}
