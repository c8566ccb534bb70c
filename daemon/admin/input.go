package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/internal/jsoncodec"
)

const maxBodySize = 64 << 10 // bytes

// decode parses the body into T, a struct. A field that T does not have is an error, because part
// of the request would be lost if a mistyped field were ignored.
func decode[T any](c *call) (body T, err error) {
	text, err := c.readBody()
	if err != nil {
		return body, err
	}
	given, err := parseObject(text)
	if err != nil {
		return body, err
	}
	v := reflect.ValueOf(&body).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i).Tag.Get("json")
		raw, found := given[field]
		delete(given, field)
		if found && !decodeField(v.Field(i), raw) {
			return body, invalid(field, "is of the wrong type")
		}
	}
	for field := range given {
		return body, invalid(field, "is no field of this body")
	}
	return body, nil
}

func invalid(field, reason string) error {
	if !namePattern().MatchString(field) {
		field = "a field" // an error repeats input only if the input looks like a name
	}
	return apiError{FieldInvalid, field + " " + reason}
}

// checkCell checks the value of a field, which must fit into a cell of a CSV file, because keys and plans are exported. A
// nil value means that the field is not given.
func checkCell(field string, value *string, check func(string) error) error {
	if value == nil {
		return nil
	}
	if err := check(*value); err != nil {
		return invalid(field, err.Error())
	}
	return nil
}

// decodeField decodes one value. It reports false if the type is wrong, or if the value is null and the
// field is not a [nullableTime].
func decodeField(field reflect.Value, raw json.RawMessage) bool {
	into := field.Addr().Interface()
	if _, hasNull := into.(*nullableTime); !hasNull && string(raw) == "null" {
		return false
	}
	return json.Unmarshal(raw, into) == nil
}

// readBody reads the body of the request. The media type of a body that is not empty must be JSON.
func (c *call) readBody() ([]byte, error) {
	text, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, maxBodySize))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, apiError{TooLarge, "a body has 64 KiB at most"}
	}
	if err != nil {
		return nil, apiError{BodyMalformed, "the body ends too early"}
	}
	if len(text) == 0 {
		return nil, nil
	}
	if media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, apiError{MediaType, "send it as Content-Type: application/json"}
	}
	return text, nil
}

var errObject = apiError{BodyMalformed, "the body must be one JSON object in UTF-8, with no field twice"}

// parseObject parses the fields of a JSON object. An empty body has no fields.
func parseObject(text []byte) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if len(text) == 0 {
		return fields, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	err := jsoncodec.DecodeObject(d, func(name string) error {
		var value json.RawMessage
		if _, twice := fields[name]; twice || d.Decode(&value) != nil {
			return errObject
		}
		fields[name] = value
		return nil
	})
	if err != nil || !utf8.Valid(text) {
		return nil, errObject
	}
	return fields, nil
}

func (c *call) noBody() error {
	_, err := decode[struct{}](c)
	return err
}

// A nullableTime is a field of a body. If the field is not given, at is nil. If the field is null, which means never, at
// points to the zero time. Otherwise at points to the time in the field, or err says why the text is not a time.
type nullableTime struct {
	at  *time.Time
	err error
}

// UnmarshalJSON implements [json.Unmarshaler] for null and for the formats of [csvfile.ParseEnd].
func (t *nullableTime) UnmarshalJSON(text []byte) error {
	t.at = new(time.Time)
	var s *string
	if err := json.Unmarshal(text, &s); err != nil || s == nil {
		return err
	}
	*t.at, t.err = csvfile.ParseEnd(*s)
	return nil
}

// The limits on the number of entries in a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// listParams are the parameters that can have several values. A client separates the values by commas, or repeats the
// parameter.
var listParams = []string{"status", "outcome"}

// A query has the parameters of a request for a list. A parameter may be given only once, except for [listParams]. A query
// stores the first error, so that the caller can check for errors once, at the end.
type query struct {
	values url.Values
	err    error
}

// parseQuery parses the parameters. A parameter that is not known is an error.
func (c *call) parseQuery(known ...string) *query {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.fail("the query cannot be parsed")
	}
	for name, texts := range values {
		switch {
		case !slices.Contains(known, name):
			q.fail("a parameter is not one of these: " + strings.Join(known, " "))
		case len(texts) > 1 && !slices.Contains(listParams, name):
			q.fail(name + " is given twice")
		case !utf8.ValidString(strings.Join(texts, "")):
			q.fail(name + " is not UTF-8")
		}
	}
	return q
}

func (q *query) fail(detail string) {
	if q.err == nil {
		q.err = apiError{QueryInvalid, detail}
	}
}

func (q *query) limit() int {
	if !q.values.Has("limit") {
		return defaultLimit
	}
	n, err := strconv.Atoi(q.values.Get("limit"))
	if err != nil || n < 1 || n > maxLimit {
		q.fail("limit must be 1 to 1000")
	}
	return n
}

// boolean returns a boolean parameter, or nil if it is not given.
func (q *query) boolean(name string) *bool {
	switch {
	case !q.values.Has(name):
		return nil
	case q.values.Get(name) == "true":
		return new(true)
	case q.values.Get(name) == "false":
		return new(false)
	}
	q.fail(name + " must be true or false")
	return nil
}

// oneOf parses a list parameter whose values must be among the known ones.
func oneOf[S ~string](q *query, name string, known []S) (all []S) {
	for text := range strings.SplitSeq(strings.Join(q.values[name], ","), ",") {
		switch {
		case slices.Contains(known, S(text)):
			all = append(all, S(text))
		case q.values.Has(name):
			q.fail(name + " must be one of these values, or several with commas between them: " + strings.Join(textsOf(known), " "))
		}
	}
	return all
}

func textsOf[S ~string](all []S) (texts []string) {
	for _, s := range all {
		texts = append(texts, string(s))
	}
	return texts
}

// parsed parses a parameter, or returns the zero value if the parameter is not given.
func parsed[T any](q *query, name string, parse func(string) (T, error)) (value T) {
	if q.values.Has(name) {
		var err error
		if value, err = parse(q.values.Get(name)); err != nil {
			q.fail(name + " " + err.Error())
		}
	}
	return value
}
