package daemon

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// An object is a JSON object that is being written, its fields in the order of the calls. The most
// frequent answers are written this way, because it takes half the time of encoding by reflection.
type object []byte

func (o object) name(name string) object {
	if len(o) == 0 {
		o = append(make(object, 0, 256), '{')
	} else {
		o = append(o, ',')
	}
	o = append(o, '"')
	o = append(o, name...)
	return append(o, '"', ':')
}

func (o object) text(name, value string) object {
	o = o.name(name)
	if !plainText(value) {
		return append(o, line(value)...)
	}
	o = append(o, '"')
	o = append(o, value...)
	return append(o, '"')
}

func (o object) number(name string, value int) object {
	return strconv.AppendInt(o.name(name), int64(value), 10)
}

// date adds a time as RFC 3339 in UTC to the second, or null if the time is zero.
func (o object) date(name string, t time.Time) object {
	o = o.name(name)
	if t.IsZero() {
		return append(o, "null"...)
	}
	return append(t.UTC().AppendFormat(append(o, '"'), time.RFC3339), '"')
}

func (o object) end() []byte { return append(o, '}') }

// plainText reports whether a text needs no escapes in JSON.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// line encodes a value as one line of JSON, the fields of a struct in their order.
func line(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // all values of this package can be encoded
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}
