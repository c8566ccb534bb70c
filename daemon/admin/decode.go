package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"unicode/utf8"
)

// maxBody limits a body, in bytes.
const maxBody = 64 << 10

// decode parses the body into T, a struct. A field that T does not have is an error, because part
// of the request would be lost if a mistyped field were ignored.
func decode[T any](c *call) (body T, err error) {
	text, err := c.body()
	if err != nil {
		return body, err
	}
	given, err := object(text)
	if err != nil {
		return body, err
	}
	v := reflect.ValueOf(&body).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i).Tag.Get("json")
		raw, is := given[field]
		delete(given, field)
		if is && !set(v.Field(i), raw) {
			return body, invalid(field, "is of the wrong type")
		}
	}
	for field := range given {
		return body, invalid(field, "is no field of this body")
	}
	return body, nil
}

// invalid returns the fault for a field of the body.
func invalid(field, fate string) error {
	if !word.MatchString(field) {
		field = "a field" // input is not repeated unless it looks like a name
	}
	return fault{FieldInvalid, field + " " + fate}
}

// A nullable is a value that gives null a meaning.
type nullable interface{ null() }

// set decodes one value. It reports false if the type is wrong, or if the value is null and the
// field is not [nullable].
func set(field reflect.Value, raw json.RawMessage) bool {
	into := field.Addr().Interface()
	if _, is := into.(nullable); !is && string(raw) == "null" {
		return false
	}
	return json.Unmarshal(raw, into) == nil
}

// body reads the body of the request. It must be JSON unless it is empty.
func (c *call) body() ([]byte, error) {
	text, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, maxBody))
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		return nil, fault{TooLarge, "a body has 64 KiB at most"}
	}
	if err != nil {
		return nil, fault{BodyMalformed, "the body ends too early"}
	}
	if len(text) == 0 {
		return nil, nil
	}
	if media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, fault{MediaType, "send it as Content-Type: application/json"}
	}
	return text, nil
}

var errObject = fault{BodyMalformed, "the body must be one JSON object in UTF-8, with no field twice"}

// object parses the fields of a JSON object. An empty body has no fields.
func object(text []byte) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if len(text) == 0 {
		return fields, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') || !utf8.Valid(text) {
		return nil, errObject
	}
	for d.More() {
		key, err := d.Token()
		field, is := key.(string)
		_, twice := fields[field]
		var value json.RawMessage
		if err != nil || !is || twice || d.Decode(&value) != nil {
			return nil, errObject
		}
		fields[field] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errObject
	}
	return fields, nil
}
