package connectortest

import (
	"strconv"
	"strings"

	"github.com/keyseat/keyseat/tasks"
)

// A script is what the provider does with the askings of one key, a word for each.
type script []string

// A part is what it does with one of them.
type part struct {
	manner  manner // nil: a good answer
	arg     string
	after   bool // the work is done first
	outcome tasks.Outcome
}

// read finds the script for the plan of that ordinal in a login.
func read(login string, ordinal int) script {
	local, _, _ := strings.Cut(login, "@")
	plans := strings.Split(local, ".")
	return strings.Split(plans[min(ordinal, len(plans))-1], "+")
}

// part is that of the n-th asking, from 1.
func (s script) part(n int) part {
	word, arg, _ := strings.Cut(s[min(n, len(s))-1], "=")
	name, after := strings.CutSuffix(word, "_after")
	p := part{arg: arg, after: after, outcome: s.outcome()}
	if status, err := strconv.Atoi(name); err == nil && status >= 200 && status <= 999 {
		p.manner = withStatus(status)
	} else {
		p.manner = manners[name]
	}
	return p
}

// outcome is the one that the last word names.
func (s script) outcome() tasks.Outcome {
	for _, kind := range tasks.Kinds() {
		if o := tasks.Outcome(s[len(s)-1]); o.Fits(kind) {
			return o
		}
	}
	return tasks.Success
}
