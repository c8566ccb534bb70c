package main

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/daemon/terminal"
)

// An environment holds the environment variables of the process. A setting that the command line does not
// give takes the value of its variable. An unknown variable is not an error; it only causes a warning.
type environment map[string]string

func parseEnviron(environ []string) environment {
	env := environment{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

// value returns the value of a flag's variable. An empty variable counts as not set, because unit files
// and compose files clear a variable this way. A flag with the tag "empty" is the exception, because its
// empty value has a meaning.
func (env environment) value(flag *kong.Flag) (value string, set bool) {
	value, set = env[variable(flag)]
	return value, set && (value != "" || flag.Tag.Has("empty"))
}

// variable returns the name of a setting's variable: KEYSEAT_MASTER_KEY_FILE for --master-key-file. It
// returns "" for a flag that is not a setting, because a forgotten variable must not trigger an action.
func variable(flag *kong.Flag) string {
	if !settings()[flag.Name] {
		return ""
	}
	return variableOf(flag.Name)
}

func variableOf(name string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

const variablePrefix = "KEYSEAT_"

// settings returns the names of the flags that have a variable: the flags of serve, and --config. A flag
// of another command is a setting if serve has a flag of the same name.
var settings = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{"config": true}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[serveCmd]()) {
		if field.IsExported() && !field.Anonymous {
			names[strings.TrimPrefix(flagName(field), "--")] = true
		}
	}
	return names
})

// notSettings matches variables that start with KEYSEAT_ but are not settings. The tests of keyseatd use some.
// Kubernetes sets the others for a service whose name starts with keyseat.
var notSettings = regexp.MustCompile(`^KEYSEAT_(TEST_.*|REQUIRE_.*|CRASH|SKEW|(.*_)?SERVICE_(HOST|PORT(_.*)?)|(.*_)?PORT(_\d+_.*)?)$`)

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
			_, _ = fmt.Fprintf(c.err, "keyseatd: warning: %s\n", terminal.Printable(text)) // the command continues
		}
	}
}

// unknownVariables returns a warning for each variable without an effect. The warning suggests the setting with a
// similar name.
func (env environment) unknownVariables() (texts []string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		upper := strings.ToUpper(strings.TrimPrefix(name, "\ufeff")) // an editor may write a byte order mark before the first line
		rest, ours := strings.CutPrefix(upper, variablePrefix)
		if !ours || env[name] == "" || notSettings.MatchString(name) {
			continue
		}
		setting := closestVariable(rest)
		switch {
		case name == setting:
		case setting == "":
			texts = append(texts, "the variable "+name+" has no effect: it is not a setting of keyseatd")
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
