package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kong"

	"github.com/keyseat/keyseat/internal/jsoncodec"
	"github.com/keyseat/keyseat/internal/safefile"
)

// A configFile maps the names of serve's flags to their values in the --config file. A value has the same text as it
// would have in an environment variable. Other commands use the values of the flags that they share with serve.
type configFile map[string]string

func (f configFile) value(flag *kong.Flag) (value string, set bool) {
	value, set = f[flag.Name]
	return value, set
}

// read parses a JSON object from a file. Its errors never quote a value, because a value may contain a password. If
// other users can read the file, and the file contains a password or a token, read returns an error.
func (f configFile) read(path string) error {
	text, info, err := safefile.Read(path, maxFile)
	if cause, is := errors.AsType[*fs.PathError](err); is {
		return cause.Err // the caller adds the file's name
	}
	if err != nil {
		return err
	}
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	err = jsoncodec.DecodeObject(in, func(name string) error { return f.decodeValue(in, name) })
	if errors.Is(err, jsoncodec.ErrObject) {
		err = errors.New(`the file must be one JSON object: {"name": value, …}`)
	}
	if err != nil {
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

// toFlagText converts a JSON value to the text that the same setting has in an environment variable.
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

// settings returns the names of the flags that an environment variable can set: the flags of serve, and --config. A
// flag of another command is a setting if serve has a flag of the same name.
var settings = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{"config": true}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[serveCmd]()) {
		if field.IsExported() && !field.Anonymous {
			names[strings.TrimPrefix(flagName(field), "--")] = true
		}
	}
	return names
})

// checkNames refuses names that are not flags of serve. The error lists all of these names.
func (f configFile) checkNames() error {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(f)), func(name string) bool {
		return settings()[name] && name != "config" // a config file cannot name another config file
	})
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("serve has no flag %s", strings.Join(names, ", "))
}

const redacted = "***" // replaces a secret

// publicParams are the URL parameters that may be printed. Every other parameter is hidden.
var publicParams = []string{
	"application_name", "channel_binding", "connect_timeout", "sslcert", "sslkey", "sslmode", "sslrootcert", "target_session_attrs",
}

// redactURL hides the secrets in a value that is a URL: a password or a token before the host, and unknown
// parameters. It works on the text without a URL parser, because an invalid URL may contain secrets too.
func redactURL(value string) string {
	scheme, rest, isURL := strings.Cut(value, "://")
	if !isURL {
		return value
	}
	user := ""
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, rest = redactUser(scheme, rest[:at])+"@", rest[at+1:]
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	if hasQuery {
		path += "?" + redactQuery(query)
	}
	return scheme + "://" + user + path
}

// hasPassword reports whether a value is a URL with a password or a token.
func hasPassword(value string) bool {
	base, query, _ := strings.Cut(value, "?")
	return redactURL(base) != base || strings.Contains("&"+query, "&password=")
}

// redactUser returns the printable form of the part before the @. A database URL shows the user's name.
// Anything else is hidden, because it may be a token.
func redactUser(scheme, userinfo string) string {
	name, _, password := strings.Cut(userinfo, ":")
	switch {
	case !strings.HasPrefix(scheme, "postgres") || strings.ContainsAny(userinfo, "/?#@"):
		return redacted
	case password:
		return name + ":" + redacted
	}
	return name
}

// redactQuery hides the values of unknown parameters.
func redactQuery(query string) string {
	all := strings.Split(query, "&")
	for i, pair := range all {
		name, _, _ := strings.Cut(pair, "=")
		if !slices.Contains(publicParams, name) {
			all[i] = name + "=" + redacted
		}
	}
	return strings.Join(all, "&")
}
