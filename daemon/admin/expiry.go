package admin

import (
	"encoding/json"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
)

// An expiry is a field with three states. Not given: at is nil. A time: at points to it. Null,
// which means never: at points to the zero time.
type expiry struct{ at *time.Time }

var _ nullable = (*expiry)(nil)

func (*expiry) null() {}

// UnmarshalJSON implements [json.Unmarshaler] for null and for the formats of [csvfile.ParseEnd].
func (e *expiry) UnmarshalJSON(text []byte) error {
	e.at = new(time.Time)
	var s *string
	if err := json.Unmarshal(text, &s); err != nil || s == nil {
		return err
	}
	at, err := csvfile.ParseEnd(*s)
	*e.at = at
	return err
}
