package main

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// foreign are variables that begin like keyseatd's and are not for it: its own tests' and those that
// Kubernetes makes of a service whose name is keyseat, or begins with it.
var foreign = regexp.MustCompile(`^KEYSEAT_(TEST_.*|REQUIRE_.*|CRASH|SKEW|(.*_)?SERVICE_(HOST|PORT(_.*)?)|(.*_)?PORT(_\d+_.*)?)$`)

// warnOfVariables warns of each variable that looks like a setting and has no effect. It uses the log of a
// command that has one. Completion warns of nothing, because a shell calls it while somebody types.
func (c console) warnOfVariables(cmd command) {
	if _, typing := cmd.(*completeCmd); typing {
		return
	}
	for _, text := range c.env.unknown() {
		if logs, ok := cmd.(interface {
			logger(w io.Writer) *slog.Logger
		}); ok {
			logs.logger(c.err).Warn(text)
		} else {
			_, _ = fmt.Fprintf(c.err, "keyseatd: warning: %s\n", printable(text)) // the command goes on
		}
	}
}

// unknown says of each variable that has no effect what it is, and which one may be meant.
func (env environment) unknown() (texts []string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		upper := strings.ToUpper(strings.TrimPrefix(name, "\ufeff")) // which an editor may put before the first line
		rest, ours := strings.CutPrefix(upper, variablePrefix)
		if !ours || env[name] == "" || foreign.MatchString(name) {
			continue
		}
		setting := nearest(rest)
		switch {
		case name == setting:
		case setting == "":
			texts = append(texts, "the variable "+name+" has no effect: it is no setting of keyseatd")
		default:
			texts = append(texts, "the variable "+name+" has no effect: did you mean "+setting+"?")
		}
	}
	return texts
}

// nearest is the variable of the setting whose name is at most two typing errors away, or "".
func nearest(rest string) (best string) {
	least := 3
	for name := range settings() {
		known := variableOf(name)
		if d := distance(rest, strings.TrimPrefix(known, variablePrefix)); d < least || d == least && known < best {
			best, least = known, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete or replace that make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
