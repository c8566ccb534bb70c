// Package jsoncodec encodes JSON without HTML escapes, and decodes JSON objects field by field.
package jsoncodec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Marshal is like [json.Marshal], but does not escape the HTML characters <, > and &.
func Marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// ErrObject means that the input is not exactly one JSON object.
var ErrObject = errors.New("not one JSON object")

// DecodeObject reads one JSON object, and nothing else, from in. For each name in the object it calls the function
// field, which must decode the value of that name from in. If the function returns an error, DecodeObject returns the
// error immediately.
func DecodeObject(in *json.Decoder, field func(name string) error) error {
	if begin, err := in.Token(); err != nil || begin != json.Delim('{') {
		return ErrObject
	}
	for in.More() {
		token, err := in.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return ErrObject
		}
		if err := field(name); err != nil {
			return err
		}
	}
	if _, err := in.Token(); err != nil { // the closing brace
		return ErrObject
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return ErrObject
	}
	return nil
}
