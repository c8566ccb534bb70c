package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"
)

// checkVariables refuses an environment variable with invisible characters. For example, an env file with
// Windows line ends adds a carriage return to each value. The path of a database would then name a new,
// empty file.
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

// checkText refuses invisible characters in a setting, and white space at its start or end. In a list,
// white space there is allowed, because items are trimmed later. The error does not quote the value, because the
// value may be secret.
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

// checkArguments refuses control characters in flags and in positional arguments. It does not check a
// key's code, because the command trims the code when it parses it.
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

// A textList is the value of a flag with several items, separated by commas. White space around each item
// is removed.
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
