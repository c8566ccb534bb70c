package admin

import (
	"encoding/json"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
)

// An expiry is a field that is not given, a time, or null, which is never.
type expiry struct{ at *time.Time }

var _ nullable = (*expiry)(nil)

func (*expiry) null() {}

// UnmarshalJSON implements [json.Unmarshaler] for null and what [csvfile.ParseEnd] reads.
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
