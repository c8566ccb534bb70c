package bunstore

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"time"
)

// A field converts one field of a struct to and from a column. NULL reads as the zero value. A stored value
// of another type is an error, whose text does not quote the value.
type field interface {
	sql.Scanner
	value() any // string, int64, bool, time.Time, []byte; or nil for NULL
}

// text is the field of a string type.
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

// whole is the field of an integer type.
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

// flag is the field of a bool. SQLite stores it as 0 or 1.
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

// moment is the field of a time, in UTC, with microseconds. SQLite stores it as microseconds since 1970.
// The zero time is NULL.
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

// blob is the field of a byte slice. A nil slice is NULL.
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
		*f.to = bytes.Clone(from) // because the driver uses its buffer again
	default:
		return misfit("bytes")
	}
	return nil
}

// list is the field of a slice of strings, stored as a JSON array. An empty slice is "".
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
	*f.to = nil // the old value is from another row
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
