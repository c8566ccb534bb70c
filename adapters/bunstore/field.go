package bunstore

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"time"
)

// A field is one field of a struct as it stands in a column. NULL reads as the zero value; what is
// in no column of its kind is an error that does not quote it.
type field interface {
	sql.Scanner
	value() any // string, int64, bool, time.Time, []byte; or nil for NULL
}

// text is a string of any type.
type text[S ~string] struct{ to *S }

func (f text[S]) value() any { return string(*f.to) }

// Scan implements [sql.Scanner].
func (f text[S]) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*f.to = ""
	case string:
		*f.to = S(from)
	case []byte:
		*f.to = S(from)
	default:
		return misfit("a text")
	}
	return nil
}

// whole is a whole number.
type whole[N ~int | ~int64] struct{ to *N }

func (f whole[N]) value() any { return int64(*f.to) }

// Scan implements [sql.Scanner].
func (f whole[N]) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*f.to = 0
	case int64:
		*f.to = N(from)
	default:
		return misfit("a whole number")
	}
	return nil
}

// flag is a bool, which SQLite keeps as 0 or 1.
type flag struct{ to *bool }

func (f flag) value() any { return *f.to }

// Scan implements [sql.Scanner].
func (f flag) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*f.to = false
	case bool:
		*f.to = from
	case int64:
		*f.to = from != 0
	default:
		return misfit("a flag")
	}
	return nil
}

// moment is a time in UTC to the microsecond, which SQLite keeps as microseconds since 1970. The zero
// time is NULL.
type moment struct{ to *time.Time }

func (f moment) value() any {
	if f.to.IsZero() {
		return nil
	}
	return *f.to
}

// Scan implements [sql.Scanner].
func (f moment) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*f.to = time.Time{}
	case time.Time:
		*f.to = from.UTC()
	case int64:
		*f.to = time.UnixMicro(from).UTC()
	default:
		return misfit("a time")
	}
	return nil
}

// blob is bytes; none are NULL.
type blob struct{ to *[]byte }

func (f blob) value() any {
	if *f.to == nil {
		return nil
	}
	return *f.to
}

// Scan implements [sql.Scanner].
func (f blob) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*f.to = nil
	case []byte:
		*f.to = bytes.Clone(from) // the driver uses its own again
	default:
		return misfit("bytes")
	}
	return nil
}

// list is texts as a JSON array; none are "".
type list struct{ to *[]string }

func (f list) value() any {
	if len(*f.to) == 0 {
		return ""
	}
	array, _ := json.Marshal(*f.to) // strings always encode
	return string(array)
}

// Scan implements [sql.Scanner].
func (f list) Scan(from any) error {
	var array string
	*f.to = nil // what stood there is another row's
	if err := (text[string]{&array}).Scan(from); err != nil || array == "" {
		return err
	}
	if json.Unmarshal([]byte(array), f.to) != nil {
		return misfit("a list")
	}
	return nil
}

func misfit(what string) error {
	return plainError("a stored value is not " + what)
}
