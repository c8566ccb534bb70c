package main

import (
	"bufio"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
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
