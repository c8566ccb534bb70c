package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/internal/jsoncodec"
	"github.com/keyseat/keyseat/internal/safefile"
)

// A configFile holds the values of the --config file by the names of serve's flags. Each value has the
// format of an environment variable. Other commands use the values of the flags that they share with
// serve.
type configFile map[string]string

// value returns the value of a flag in the file.
func (f configFile) value(flag *kong.Flag) (value string, set bool) {
	value, set = f[flag.Name]
	return value, set
}

// BeforeResolve checks the environment variables. Then it reads the config file that --config or
// KEYSEAT_CONFIG names.
func (*commands) BeforeResolve(c *kong.Context, f configFile, env environment) error {
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
		err = f.checkNames()
	}
	if err != nil {
		return fmt.Errorf("--config: %s: %w", path, err)
	}
	return nil
}

// maxConfigFile is the maximum number of bytes that are read from a config file.
const maxConfigFile = 1 << 20

// read parses a JSON object from a file. Its errors never quote a value, because a value may contain a
// password. For the same reason it refuses a file with a password or a token that other users can read.
func (f configFile) read(path string) error {
	text, info, err := safefile.Read(path, maxConfigFile)
	if cause, is := errors.AsType[*fs.PathError](err); is {
		return cause.Err // the caller adds the file's name
	}
	if err != nil {
		return err
	}
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := f.decode(in); err != nil {
		return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:in.InputOffset()], []byte("\n")), err)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(f)), hasPassword) {
		return nil
	}
	if err := safefile.CheckPrivate(path, info); err != nil {
		return fmt.Errorf("it has a password, and %w", err)
	}
	return nil
}

var errObject = errors.New(`the file must be one JSON object: {"name": value, …}`)

func (f configFile) decode(in *json.Decoder) error {
	err := jsoncodec.DecodeObject(in, func(name string) error { return f.decodeValue(in, name) })
	if errors.Is(err, jsoncodec.ErrObject) {
		return errObject
	}
	return err
}

// decodeValue reads the value of a name.
func (f configFile) decodeValue(in *json.Decoder, name string) error {
	var value any
	if in.Decode(&value) != nil {
		return fmt.Errorf("the value of %s is not JSON", name)
	}
	if _, twice := f[name]; twice {
		return fmt.Errorf("%s is set twice", name)
	}
	text, err := toFlagText(value)
	if err == nil {
		_, list := value.([]any)
		err = checkText(text, list)
	}
	if err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	f[name] = text
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

// checkNames refuses names that are not flags of serve. The error lists all of them.
func (f configFile) checkNames() error {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(f)), func(name string) bool {
		return settings()[name] && name != "config" // a config file cannot name another one
	})
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("serve has no flag %s", strings.Join(names, ", "))
}
