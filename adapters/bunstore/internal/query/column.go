package query

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// A Column converts one field of a struct to and from a column of the database. NULL reads as the zero value.
// A stored value of another type is an error, whose text does not quote the value.
//
// Each column implements [sql.Scanner]. The methods that take types of pgtype read a value that pgx has
// decoded. They cost half as much.
type Column interface {
	sql.Scanner
	value() any // string, int64, bool, time.Time, []byte; or nil for NULL
}

// Text returns the column of a field whose type is a string.
func Text[S ~string](to *S) Column { return textCol[S]{to} }

type textCol[S ~string] struct{ to *S }

func (c textCol[S]) value() any { return string(*c.to) }

// Scan implements [sql.Scanner].
func (c textCol[S]) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*c.to = ""
	case string:
		*c.to = S(from)
	case []byte:
		*c.to = S(from)
	default:
		return typeError("a text")
	}
	return nil
}

// ScanText implements [pgtype.TextScanner].
func (c textCol[S]) ScanText(from pgtype.Text) error {
	*c.to = S(from.String)
	return nil
}

// Int returns the column of a field whose type is an integer.
func Int[N ~int | ~int64](to *N) Column { return intCol[N]{to} }

type intCol[N ~int | ~int64] struct{ to *N }

func (c intCol[N]) value() any { return int64(*c.to) }

// Scan implements [sql.Scanner].
func (c intCol[N]) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*c.to = 0
	case int64:
		*c.to = N(from)
	default:
		return typeError("a whole number")
	}
	return nil
}

// ScanInt64 implements [pgtype.Int64Scanner].
func (c intCol[N]) ScanInt64(from pgtype.Int8) error {
	*c.to = N(from.Int64)
	return nil
}

// Bool returns the column of a bool. SQLite stores it as 0 or 1.
func Bool(to *bool) Column { return boolCol{to} }

type boolCol struct{ to *bool }

func (c boolCol) value() any { return *c.to }

// Scan implements [sql.Scanner].
func (c boolCol) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*c.to = false
	case bool:
		*c.to = from
	case int64:
		*c.to = from != 0
	default:
		return typeError("a flag")
	}
	return nil
}

// ScanBool implements [pgtype.BoolScanner].
func (c boolCol) ScanBool(from pgtype.Bool) error {
	*c.to = from.Bool
	return nil
}

// Time returns the column of a time, in UTC, with microseconds. SQLite stores it as microseconds since 1970.
// The zero time is NULL.
func Time(to *time.Time) Column { return timeCol{to} }

type timeCol struct{ to *time.Time }

func (c timeCol) value() any {
	if c.to.IsZero() {
		return nil
	}
	return *c.to
}

// Scan implements [sql.Scanner].
func (c timeCol) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*c.to = time.Time{}
	case time.Time:
		*c.to = from.UTC()
	case int64:
		*c.to = time.UnixMicro(from).UTC()
	default:
		return typeError("a time")
	}
	return nil
}

// ScanTimestamptz implements [pgtype.TimestamptzScanner].
func (c timeCol) ScanTimestamptz(from pgtype.Timestamptz) error {
	*c.to = from.Time.UTC()
	return nil
}

// Bytes returns the column of a byte slice. A nil slice is NULL.
func Bytes(to *[]byte) Column { return bytesCol{to} }

type bytesCol struct{ to *[]byte }

func (c bytesCol) value() any {
	if *c.to == nil {
		return nil
	}
	return *c.to
}

// Scan implements [sql.Scanner].
func (c bytesCol) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*c.to = nil
	case []byte:
		*c.to = bytes.Clone(from) // because the driver uses its buffer again
	default:
		return typeError("bytes")
	}
	return nil
}

// JSONList is the column of a slice of strings, stored as a JSON array. An empty slice is "".
type JSONList struct{ To *[]string }

func (c JSONList) value() any {
	if len(*c.To) == 0 {
		return ""
	}
	array, _ := json.Marshal(*c.To) // strings always encode
	return string(array)
}

// Scan implements [sql.Scanner].
func (c JSONList) Scan(from any) error {
	var array string
	*c.To = nil // the old value is from another row
	if err := Text(&array).Scan(from); err != nil || array == "" {
		return err
	}
	if json.Unmarshal([]byte(array), c.To) != nil {
		return typeError("a list")
	}
	return nil
}

func typeError(what string) error {
	return dberr.Public("a stored value is not " + what)
}

// A Row is a row of a statement's result. It copies its columns into variables, as [sql.Rows.Scan] does.
type Row func(into ...any) error

// Scan reads the columns of a row into the fields of several structs, in order.
func (r Row) Scan(fields ...[]Column) error {
	return r(ScanTargets(fields...)...)
}

// ScanTargets returns the fields of several structs as arguments of a [Row].
func ScanTargets(fields ...[]Column) []any {
	var into []any
	for _, some := range fields {
		for _, f := range some {
			into = append(into, f)
		}
	}
	return into
}

// Each returns a function that reads rows of one column, and calls use with the value of each row.
func Each[T any](column func(*T) Column, use func(T)) func(Row) error {
	return func(r Row) error {
		var value T
		err := r.Scan([]Column{column(&value)})
		use(value)
		return err
	}
}

// ScanRows calls scan for every row of a query's result and closes rows. If err is not nil, it returns err.
func ScanRows(rows *sql.Rows, err error, scan func(Row) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
