package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"
	"github.com/go-playground/validator/v10"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/terminal"
)

// fieldRules validates the fields of a command by their validate tags. Its errors contain the name of the flag, not that
// of the field.
var fieldRules = newFieldRules()

func newFieldRules() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(flagName)
	for rule, isValid := range map[string]validator.Func{"database": isDatabase, "listen": isListen, "text": isText} {
		if err := v.RegisterValidation(rule, isValid); err != nil {
			panic(err) // only a programming error causes it
		}
	}
	return v
}

// isListen implements the validate rule "listen": HOST:PORT, where port 0 selects a free port.
func isListen(f validator.FieldLevel) bool {
	_, port, err := net.SplitHostPort(f.Field().String())
	_, notNumber := strconv.ParseUint(port, 10, 16)
	return err == nil && notNumber == nil
}

// isText implements the validate rule "text": a text that fits into a cell of a CSV file.
func isText(f validator.FieldLevel) bool { return csvfile.CheckText(f.Field().String()) == nil }

// flagName returns the name of a field on the command line: --flag, or ARGUMENT if it is positional.
func flagName(f reflect.StructField) string {
	name := f.Tag.Get("name")
	if name == "" {
		name = kebabCase(f.Name)
	}
	if _, positional := f.Tag.Lookup("arg"); positional {
		return strings.ToUpper(name)
	}
	return "--" + name
}

// wordStart matches the last letter of a word and the start of the next one, in a field's name.
var wordStart = regexp.MustCompile(`([a-z])([A-Z])|([A-Z])([A-Z][a-z])`)

// kebabCase converts a field's name to a flag's name: TLSCert becomes tls-cert.
func kebabCase(field string) string {
	return strings.ToLower(wordStart.ReplaceAllString(field, "$1$3-$2$4"))
}

// checkFields validates a command's fields against their validate tags. The error is a [usageError]. It names
// the first invalid flag and its rule, but never the value, because the value may be secret.
func checkFields(fields any) error {
	err := fieldRules.Struct(fields)
	invalid, is := errors.AsType[validator.ValidationErrors](err)
	if !is {
		return err
	}
	first := invalid[0]
	text := cmp.Or(ruleTexts[first.Tag()], "is not valid ("+first.Tag()+")")
	text = strings.ReplaceAll(text, "{}", kebabCase(first.Param())) // the parameter is the name of a field, or a number, which kebabCase does not change
	return usageError{fmt.Errorf("%s %s%s", first.Field(), text, missingHints[first.Field()])}
}

// missingHints has a hint for required flags: the values that a user can give.
var missingHints = map[string]string{
	"--connector": ": give the https:// URL of the service that carries tasks out, or sim for a trial",
}

// ruleTexts has the end of an error message for each validate rule. The parameter of the rule replaces {}.
var ruleTexts = map[string]string{
	"required":      "is missing",
	"required_with": "is needed with --{}",
	"min":           "must be at least {}",
	"max":           "must be at most {}",
	"listen":        "must be HOST:PORT",
	"ip|cidr":       "must be an address or a network, such as 10.0.0.0/8",
	"http_url":      "must be a URL",
	"text":          fmt.Sprintf("must be UTF-8 with no control characters, at most %d bytes", csvfile.MaxText),
	"database":      "must be sqlite:PATH or a postgres:// URL",
}

// checkText refuses invisible characters in a setting, and white space at its start or end. A list may start or end with
// white space, because its items are trimmed later. The error does not quote the value, because the value may be secret.
func checkText(value string, list bool) error {
	for _, r := range value {
		switch {
		case r == '\r':
			return fmt.Errorf("has a carriage return (%U): save the file with the line ends of Unix", r)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return fmt.Errorf("has the invisible character %U: remove it", r)
		}
	}
	if !list && strings.TrimSpace(value) != value {
		return errors.New("has white space at its start or its end: remove it")
	}
	return nil
}

// checkArguments refuses control characters in flags and in positional arguments. It does not check a key's code,
// because [keys.ParseTyped] trims and checks the code.
func checkArguments(path []*kong.Path) error {
	for _, p := range path {
		switch {
		case p.Flag != nil && hasControl(p.Flag.Value):
			return usageError{fmt.Errorf("--%s must have no control characters", p.Flag.Name)}
		case p.Positional != nil && p.Positional.Name != "code" && hasControl(p.Positional):
			return usageError{fmt.Errorf("%s must have no control characters", strings.ToUpper(p.Positional.Name))}
		}
	}
	return nil
}

func hasControl(v *kong.Value) bool {
	text, is := v.Target.Interface().(string)
	return is && strings.ContainsFunc(text, unicode.IsControl)
}

// A textList is the value of a flag with several items, separated by commas. White space around each item is removed.
type textList []string

func (l *textList) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("list", &text); err != nil {
		return err
	}
	for _, item := range kong.SplitEscaped(text, ctx.Value.Tag.Sep) {
		*l = append(*l, strings.TrimSpace(item))
	}
	return nil
}

type outputFlag struct {
	Output terminal.Format `help:"Print a table for people, or json for programs." enum:"table,json" default:"table"`
}

func joined[S ~string](values []S) string {
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	return strings.Join(all, ", ")
}

// isDatabase implements the validate rule "database": sqlite:PATH or a postgres:// URL.
func isDatabase(f validator.FieldLevel) bool {
	url := f.Field().String()
	path, file := strings.CutPrefix(url, sqlitePrefix)
	return file && path != "" && path[0] != ':' || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

const sqlitePrefix = "sqlite:"
