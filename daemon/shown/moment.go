package shown

import (
	"encoding/json"
	"time"
)

// A Time is a time as the API shows it: RFC 3339 in UTC to the second, or null where it is not
// known.
type Time time.Time

// String gives "" for a time that is not known.
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
