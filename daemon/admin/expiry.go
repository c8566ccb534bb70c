package admin

import (
	"encoding/json"
	"errors"
	"time"
)

// An expiry is a field that is not given, a time, or null, which is never.
type expiry struct{ at *time.Time }

var _ nullable = (*expiry)(nil)

func (*expiry) null() {}

// The years that a time may be in: every database can hold them.
const (
	firstYear = 1970
	lastYear  = 9999
)

var errTime = errors.New("no time")

// UnmarshalJSON implements [json.Unmarshaler] for RFC 3339, or a date, which is the midnight in UTC
// with which it begins. It is cut to the microsecond, because that is how databases keep it.
func (e *expiry) UnmarshalJSON(text []byte) error {
	e.at = new(time.Time)
	var s *string
	if err := json.Unmarshal(text, &s); err != nil || s == nil {
		return err
	}
	at, err := time.Parse(time.DateOnly, *s)
	if err != nil {
		at, err = time.Parse(time.RFC3339, *s)
	}
	at = at.UTC().Truncate(time.Microsecond)
	if err != nil || at.Year() < firstYear || at.Year() > lastYear {
		return errTime
	}
	*e.at = at
	return nil
}
