package main

import (
	"bufio"
	"encoding/json"
	"io"
	"regexp"
	"strings"
)

// An event is a line of go test -json, with the fields that soak uses.
type event struct {
	Action, Test, Key, Value, Output string
}

// A finding is the report of one test, or of one subtest, for example for one database.
type finding struct {
	test   string
	names  []string // names of the attributes, in order
	values map[string]string
	failed bool // the test failed, or was skipped, which proves nothing
}

// where returns the part of the test's name that distinguishes the findings of a row.
func (f *finding) where() string {
	_, sub, _ := strings.Cut(f.test, "/")
	return sub
}

func (f *finding) set(name, value string) {
	if _, known := f.values[name]; !known {
		f.names = append(f.names, name)
	}
	f.values[name] = value
}

// executions matches the fuzzer's progress line.
var executions = regexp.MustCompile(`^fuzz: elapsed: .* execs: (\d+)`)

// read reads the events of one run, and copies their output to log. It returns one finding per test, in the
// order of the first reports.
func read(stdout io.Reader, log io.Writer) ([]*finding, error) {
	var all []*finding
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			_, _ = io.WriteString(log, e.Output) // if the log cannot be written, the table still has the findings
			all = note(all, e)
		}
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func note(all []*finding, e event) []*finding {
	count := executions.FindStringSubmatch(e.Output)
	ended := e.Test != "" && (e.Action == "fail" || e.Action == "skip")
	if e.Action != "attr" && !ended && count == nil {
		return all
	}
	f := of(all, e.Test)
	if f == nil {
		f = &finding{test: e.Test, values: map[string]string{}}
		all = append(all, f)
	}
	switch {
	case e.Action == "attr":
		f.set(e.Key, e.Value)
	case ended:
		f.failed = true
	default:
		f.set("trials", count[1])
	}
	return all
}

func of(all []*finding, test string) *finding {
	for _, f := range all {
		if f.test == test {
			return f
		}
	}
	return nil
}
