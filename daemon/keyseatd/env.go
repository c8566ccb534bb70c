package main

import (
	"strings"
	"unicode"

	"github.com/alecthomas/kong"
)

// An environment is the process's variables. It gives a flag that is not on the command line the
// value of its variable; one that is empty counts as not set, because that is how a variable is
// unset in a unit file or a compose file.
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

// Validate implements [kong.Resolver]. Variables that no flag knows are no fault.
func (environment) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver].
func (env environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value := env[variable(flag)]
	if value == "" {
		return nil, nil //nolint:nilnil // kong's way to say that there is no value
	}
	return value, nil
}

// variable names a flag's variable: KEYSEAT_MASTER_KEY_FILE is --master-key-file. The flags that
// show something instead of setting it have none.
func variable(flag *kong.Flag) string {
	if flag.Name == "help" || flag.Name == "version" {
		return ""
	}
	return "KEYSEAT_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// flagName spells a field's name as a flag's: TLSCert is tls-cert.
func flagName(field string) string {
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
