package main

import (
	"reflect"
	"strings"
	"sync"
	"unicode"

	"github.com/alecthomas/kong"
)

// An environment holds the environment variables of the process. A setting that the command line does not
// give takes the value of its variable.
type environment map[string]string

var _ kong.Resolver = environment{}

func parseEnviron(environ []string) environment {
	env := environment{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

// Validate implements [kong.Resolver]. An unknown variable is not an error; it only causes a warning.
func (environment) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver].
func (env environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, set := env.value(flag)
	if !set {
		return nil, nil //nolint:nilnil // kong's way to say that there is no value
	}
	return value, nil
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

// kebabCase converts a field's name to a flag's name: TLSCert becomes tls-cert.
func kebabCase(field string) string {
	var b strings.Builder
	runes := []rune(field)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) {
			ends := unicode.IsUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if ends || !unicode.IsUpper(runes[i-1]) {
				b.WriteByte('-')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
