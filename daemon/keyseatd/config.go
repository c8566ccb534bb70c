package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/daemon/terminal"
	"github.com/keyseat/keyseat/internal/seq"
)

// configCmd is the command "keyseatd config". It accepts the flags of serve and prints their values.
type configCmd struct {
	serveCmd
	outputFlag

	settings []setting
}

// Run prints the settings, even if one is invalid. Then it makes the checks that serve makes before it opens a
// database, and returns their error.
func (k *configCmd) Run(_ context.Context, c stdio) error {
	if err := terminal.PrintList(c.out, k.Output, settingTable, seq.All(k.settings)); err != nil {
		return err
	}
	if err := checkFields(k); err != nil {
		return err
	}
	_, err := k.prepare(slog.New(slog.DiscardHandler))
	return err
}

var settingTable = terminal.Layout[setting]{
	Header: "NAME VALUE SOURCE",
	Cells:  func(s setting) []string { return []string{s.Name, s.Value, s.Source} },
}

// A setting is a flag with its current value and source. Secret parts of the value are hidden.
type setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // flag, environment, file or default
}

// AfterApply collects the settings. Run cannot collect them, because it has no [kong.Context], which has the source of
// each value.
func (k *configCmd) AfterApply(c *kong.Context, f configFile, env environment) error { //nolint:unparam // kong calls only a method that returns an error
	for _, flag := range slices.Concat(c.Model.Flags, c.Selected().Flags) {
		if variable(flag) != "" {
			k.settings = append(k.settings, setting{flag.Name, displayValue(flag), source(c, flag, f, env)})
		}
	}
	return nil
}

func source(c *kong.Context, flag *kong.Flag, f configFile, env environment) string {
	for _, p := range c.Path {
		if p.Flag == flag && !p.Resolved {
			return "flag"
		}
	}
	if _, set := env.value(flag); set {
		return "environment"
	}
	if _, set := f.value(flag); set {
		return "file"
	}
	return "default"
}

// brokenURL matches a value that is not a URL but may contain a password: "host=db password=…", or "user:…@host".
var brokenURL = regexp.MustCompile(`(?i)password\s*=|:\S*@`)

// displayValue returns a flag's value without secrets.
func displayValue(flag *kong.Flag) string {
	switch value := flag.Target.Interface().(type) {
	case string:
		if brokenURL.MatchString(value) && !strings.Contains(value, "://") && !strings.HasPrefix(value, sqlitePrefix) {
			return redacted
		}
		return redactURL(value)
	case textList:
		return redactURL(strings.Join(value, ","))
	default:
		return fmt.Sprint(value)
	}
}

// value returns the value of a flag's environment variable. An empty variable counts as not set, because unit files and
// compose files clear a variable this way. A flag with the tag "empty" is the exception, because its empty value has a
// meaning.
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

// notSettings matches variables that start with KEYSEAT_ but are not settings. The tests of keyseatd use some.
// Kubernetes sets the others for a service whose name starts with keyseat.
var notSettings = regexp.MustCompile(`^KEYSEAT_(TEST_.*|REQUIRE_.*|CRASH|SKEW|(.*_)?SERVICE_(HOST|PORT(_.*)?)|(.*_)?PORT(_\d+_.*)?)$`)

// unknownVariables returns a warning for each variable whose name looks like a setting, but that has no effect. If the
// name is similar to that of a setting, the warning suggests the setting.
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

// closestVariable returns the variable of the setting whose name is most similar to KEYSEAT_ and rest. It returns "" if
// every name differs by more than two edits.
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

// editDistance returns the number of bytes to insert, delete or replace to change a into b (Levenshtein distance).
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

// flagHelp returns the help text of a flag, with its default and its variable.
func flagHelp(v *kong.Value) string {
	var sources []string
	if v.HasDefault && v.Flag != nil {
		sources = append(sources, v.Default)
	}
	if v.Flag != nil && variable(v.Flag) != "" {
		sources = append(sources, "$"+variable(v.Flag))
	}
	if sources == nil {
		return v.Help
	}
	return fmt.Sprintf("%s (%s)", v.Help, strings.Join(sources, "; "))
}

// checkVariables refuses an environment variable with invisible characters. For example, an env file with Windows line
// ends adds a carriage return to each value. The path of a database would then name a new, empty file.
func (env environment) checkVariables(flags []*kong.Flag) error {
	for _, flag := range flags {
		value, _ := env.value(flag)
		_, list := flag.Target.Interface().(textList)
		if err := checkText(value, list); err != nil {
			return fmt.Errorf("the variable %s %w", variable(flag), err)
		}
	}
	return nil
}
