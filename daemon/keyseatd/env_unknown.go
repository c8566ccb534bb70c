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

// otherPrograms matches variables that start with KEYSEAT_ but are not settings. They belong to keyseatd's own
// tests, or Kubernetes sets them for a service whose name starts with keyseat.
var otherPrograms = regexp.MustCompile(`^KEYSEAT_(TEST_.*|REQUIRE_.*|CRASH|SKEW|(.*_)?SERVICE_(HOST|PORT(_.*)?)|(.*_)?PORT(_\d+_.*)?)$`)

// warnOfVariables warns of each variable that looks like a setting but has no effect. It writes to the log
// if the command has one, else to standard error. The completion command gives no warning, because a shell
// runs it while a user types.
func (c stdio) warnOfVariables(cmd command) {
	if _, typing := cmd.(*completeCmd); typing {
		return
	}
	for _, text := range c.env.unknownVariables() {
		if logs, ok := cmd.(interface {
			logger(w io.Writer) *slog.Logger
		}); ok {
			logs.logger(c.err).Warn(text)
		} else {
			_, _ = fmt.Fprintf(c.err, "keyseatd: warning: %s\n", printable(text)) // the command continues
		}
	}
}

// unknownVariables returns a warning for each variable without an effect. The warning suggests the setting with a
// similar name.
func (env environment) unknownVariables() (texts []string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		upper := strings.ToUpper(strings.TrimPrefix(name, "\ufeff")) // an editor may write a byte order mark before the first line
		rest, ours := strings.CutPrefix(upper, variablePrefix)
		if !ours || env[name] == "" || otherPrograms.MatchString(name) {
			continue
		}
		setting := closestVariable(rest)
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

// closestVariable returns the variable of the setting whose name differs by at most two edits, or "".
func closestVariable(rest string) (best string) {
	least := 3
	for name := range settings() {
		known := variableOf(name)
		if d := editDistance(rest, strings.TrimPrefix(known, variablePrefix)); d < least || d == least && known < best {
			best, least = known, d
		}
	}
	return best
}

// editDistance returns the number of bytes to insert, delete or replace to change a into b (Levenshtein
// distance).
func editDistance(a, b string) int {
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
