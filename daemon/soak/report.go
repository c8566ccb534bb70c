package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A report has the attributes that one test or subtest has reported.
type report struct {
	test   string
	names  []string // the names of the attributes, in the order of the reporting
	values map[string]string
	failed bool // the test has failed, or was skipped, which counts as a failure because nothing was tested
}

// subtest returns the name of the subtest, which distinguishes the reports of a row, or "".
func (p *report) subtest() string {
	_, sub, _ := strings.Cut(p.test, "/")
	return sub
}

func (p *report) set(name, value string) {
	if _, known := p.values[name]; !known {
		p.names = append(p.names, name)
	}
	p.values[name] = value
}

// otherValues returns the attributes that have no column of their own, as text for the table.
func (p *report) otherValues() string {
	var all []string
	for _, name := range p.names {
		if name != "trials" && name != "faults" {
			all = append(all, name+" "+p.values[name])
		}
	}
	return strings.Join(all, ", ")
}

// An event is a line in the output of go test -json, with the fields that soak uses.
type event struct {
	Action, Test, Key, Value, Output string
}

// executions matches a progress line of the Go fuzzer, with the number of executions.
var executions = regexp.MustCompile(`^fuzz: elapsed: .* execs: (\d+)`)

// readReports reads the events of one run from stdout, and copies the tests' output to log. It returns a report for
// each test that has reported an attribute or failed, in the order in which the tests did so first.
func readReports(stdout io.Reader, log io.Writer) ([]*report, error) {
	var all []*report
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			_, _ = io.WriteString(log, e.Output) // even if this fails, the table has the reports
			all = addEvent(all, e)
		}
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// addEvent adds an event to the report of its test, and returns all reports.
func addEvent(all []*report, e event) []*report {
	count := executions.FindStringSubmatch(e.Output)
	failed := e.Test != "" && (e.Action == "fail" || e.Action == "skip")
	if e.Action != "attr" && !failed && count == nil {
		return all
	}
	i := slices.IndexFunc(all, func(p *report) bool { return p.test == e.Test })
	if i < 0 {
		i, all = len(all), append(all, &report{test: e.Test, values: map[string]string{}})
	}
	switch {
	case e.Action == "attr":
		all[i].set(e.Key, e.Value)
	case failed:
		all[i].failed = true
	default:
		all[i].set("trials", count[1])
	}
	return all
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
