package shown

import (
	"encoding/json"
	"time"
)

// A Time is a time in the format of the API: RFC 3339 in UTC to the second, or null if it is
// unknown.
type Time time.Time

// String returns "" for an unknown time.
func (m Time) String() string {
	if time.Time(m).IsZero() {
		return ""
	}
	return time.Time(m).UTC().Format(time.RFC3339)
}

// MarshalJSON implements [json.Marshaler].
func (m Time) MarshalJSON() ([]byte, error) {
	if time.Time(m).IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(m.String())
}
