package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/internal/safefile"
)

// A configFile holds the values of the --config file by the names of serve's flags. Each value has the
// format of an environment variable. Other commands use the values of the flags that they share with
// serve.
type configFile struct{ values map[string]string }

var _ kong.Resolver = (*configFile)(nil)

// BeforeResolve checks the environment variables. Then it reads the config file that --config or
// KEYSEAT_CONFIG names.
func (*commands) BeforeResolve(c *kong.Context, f *configFile, env environment) error {
	if err := env.checkVariables(c.Flags()); err != nil {
		return err
	}
	path := env["KEYSEAT_CONFIG"]
	for _, p := range c.Path {
		if p.Flag != nil && p.Flag.Name == "config" {
			path, _ = c.FlagValue(p.Flag).(string)
		}
	}
	if path == "" {
		return nil
	}
	err := f.read(path)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return fmt.Errorf("--config: %s: %w", path, err)
	}
	return nil
}

// read parses a JSON object from a file. Its errors never quote a value, because a value may contain a
// password.
func (f *configFile) read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		var cause *os.PathError
		if errors.As(err, &cause) {
			return cause.Err // the caller adds the file's name
		}
		return err
	}
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := f.decode(in); err != nil {
		return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:in.InputOffset()], []byte("\n")), err)
	}
	return f.checkMode(path)
}

// checkMode refuses a file that other users can read, if a URL in the file has a password or a token.
func (f *configFile) checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil || !slices.ContainsFunc(slices.Collect(maps.Values(f.values)), hasPassword) {
		return err
	}
	if err := safefile.CheckPrivate(path, info); err != nil {
		return fmt.Errorf("it has a password, and %w", err)
	}
	return nil
}

var errObject = errors.New(`the file must be one JSON object: {"name": value, …}`)

func (f *configFile) decode(in *json.Decoder) error {
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return errObject
	}
	f.values = map[string]string{}
	for in.More() {
		if err := f.entry(in); err != nil {
			return err
		}
	}
	if _, err := in.Token(); err != nil {
		return errObject
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errObject
	}
	return nil
}

// entry reads one name and its value.
func (f *configFile) entry(in *json.Decoder) error {
	token, err := in.Token()
	name, isName := token.(string)
	if err != nil || !isName {
		return errObject
	}
	var value any
	if in.Decode(&value) != nil {
		return fmt.Errorf("the value of %s is not JSON", name)
	}
	if _, twice := f.values[name]; twice {
		return fmt.Errorf("%s is set twice", name)
	}
	text, err := toFlagText(value)
	if err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	_, list := value.([]any)
	if err := checkText(text, list); err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	f.values[name] = text
	return nil
}

var errValue = errors.New("must be a text, a number, true or false, or a list of texts")

// toFlagText formats a value as an environment variable.
func toFlagText(value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case json.Number, bool:
		return fmt.Sprint(value), nil
	case []any:
		var all []string
		for _, v := range value {
			text, isText := v.(string)
			if !isText {
				return "", errValue
			}
			all = append(all, text)
		}
		return kong.JoinEscaped(all, ','), nil
	}
	return "", errValue
}

// check refuses names that are not flags of serve. The error lists all of them.
func (f *configFile) check() error {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(f.values)), func(name string) bool {
		return settings()[name] && name != "config" // a config file cannot name another one
	})
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("serve has no flag %s", strings.Join(names, ", "))
}

// Validate implements [kong.Resolver]. It does nothing, because BeforeResolve has checked the file.
func (*configFile) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver].
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if value, set := f.values[flag.Name]; set {
		return value, nil
	}
	return nil, nil //nolint:nilnil // kong's way to say that there is no value
}
