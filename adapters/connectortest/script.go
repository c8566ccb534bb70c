package connectortest

import (
	"strconv"
	"strings"

	"github.com/keyseat/keyseat/tasks"
)

// A script is the list of words for the attempts of one key, one word for each attempt.
type script []string

// A part is one step of a script: the response to one attempt.
type part struct {
	manner  manner // nil: a good response
	arg     string
	after   bool // the work is done before the response
	outcome tasks.Outcome
}

// read returns the script in a login for the plan with that ordinal, from 1.
func read(login string, ordinal int) script {
	local, _, _ := strings.Cut(login, "@")
	plans := strings.Split(local, ".")
	return strings.Split(plans[min(ordinal, len(plans))-1], "+")
}

// part returns the step for the n-th attempt, from 1.
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

// outcome returns the outcome that the last word names, or success.
func (s script) outcome() tasks.Outcome {
	for _, kind := range tasks.Kinds() {
		if o := tasks.Outcome(s[len(s)-1]); o.Fits(kind) {
			return o
		}
	}
	return tasks.Success
}
