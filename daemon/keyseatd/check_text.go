package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"
)

// checkVariables refuses a variable with characters that nobody sees. An env file with the line ends of Windows
// has one in each value: a path of a database would then name a new, empty file.
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

// checkText refuses invisible characters anywhere in a setting, and white space at its ends. The items of a
// list are trimmed, so that there white space is no error. The error does not quote the value, which may be secret.
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

// checkArguments refuses control characters in flags and in the names of files. A code is left alone, because it
// is trimmed as it is read.
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

// A textList is the value of a flag that takes several, separated by commas. White space around each is dropped.
type textList []string

// Decode implements [kong.MapperValue].
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
