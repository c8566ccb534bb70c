// Package jsoncodec encodes JSON for people and programs that read it as text.
package jsoncodec

import (
	"bytes"
	"encoding/json"
)

// Marshal is like [json.Marshal], but does not escape the HTML characters <, > and &.
func Marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
