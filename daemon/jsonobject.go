package daemon

import (
	"strconv"
	"time"

	"github.com/keyseat/keyseat/internal/jsoncodec"
)

// A jsonObject is a JSON object that is being written, its fields in the order of the calls. The most
// frequent responses are written this way, because it takes half the time of encoding by reflection.
type jsonObject []byte

func (o jsonObject) key(name string) jsonObject {
	if len(o) == 0 {
		o = append(make(jsonObject, 0, 256), '{')
	} else {
		o = append(o, ',')
	}
	o = append(o, '"')
	o = append(o, name...)
	return append(o, '"', ':')
}

func (o jsonObject) str(name, value string) jsonObject {
	o = o.key(name)
	if !needsNoEscape(value) {
		return append(o, marshal(value)...)
	}
	o = append(o, '"')
	o = append(o, value...)
	return append(o, '"')
}

func (o jsonObject) integer(name string, value int) jsonObject {
	return strconv.AppendInt(o.key(name), int64(value), 10)
}

// time adds a time as RFC 3339 in UTC to the second, or null if the time is zero.
func (o jsonObject) time(name string, t time.Time) jsonObject {
	o = o.key(name)
	if t.IsZero() {
		return append(o, "null"...)
	}
	return append(t.UTC().AppendFormat(append(o, '"'), time.RFC3339), '"')
}

func (o jsonObject) bytes() []byte { return append(o, '}') }

// needsNoEscape reports whether a text needs no escapes in JSON.
func needsNoEscape(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// marshal encodes a value as one line of JSON, the fields of a struct in their order.
func marshal(value any) []byte {
	text, err := jsoncodec.Marshal(value)
	if err != nil {
		panic(err) // all values of this package can be encoded
	}
	return text
}
