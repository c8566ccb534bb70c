package query

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
)

// A column converts one field of a struct to and from a column of the database. NULL reads as the zero value.
// A stored value of another type is an error, whose text does not quote the value.
//
// Each column implements [sql.Scanner]. The methods that take types of pgtype, such as ScanText, are twice as fast as
// Scan. So pgx calls these methods.
type column interface {
	sql.Scanner
	value() any // string, int64, bool, time.Time, []byte; or nil for NULL
}

// columnOfType returns two things for a type of Go: the name of the type in PostgreSQL, and a function that makes the
// [column] of a field. Both are zero if no column can have the type.
func columnOfType(t reflect.Type) (kind string, of func(field reflect.Value) column) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return "timestamptz", func(f reflect.Value) column { return timeCol{pointer[time.Time](f)} }
	case reflect.TypeFor[[]byte]():
		return "bytea", func(f reflect.Value) column { return bytesCol{pointer[[]byte](f)} }
	case reflect.TypeFor[[]string]():
		return "text", func(f reflect.Value) column { return &listCol{to: pointer[[]string](f)} }
	}
	switch t.Kind() { //nolint:exhaustive // no stored type has another kind
	case reflect.String:
		return "text", func(f reflect.Value) column { return textCol{pointer[string](f)} }
	case reflect.Int:
		return "bigint", func(f reflect.Value) column { return intCol[int]{pointer[int](f)} }
	case reflect.Int64:
		return "bigint", func(f reflect.Value) column { return intCol[int64]{pointer[int64](f)} }
	case reflect.Bool:
		return "boolean", func(f reflect.Value) column { return boolCol{pointer[bool](f)} }
	}
	return "", nil
}

// pointer returns the address of a field whose underlying type is T. It is unsafe but fast: a conversion with package
// reflect takes twice as long, for every field of every row.
func pointer[T any](field reflect.Value) *T {
	return (*T)(field.Addr().UnsafePointer())
}

type textCol struct{ to *string }

func (c textCol) value() any { return *c.to }

func (c textCol) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*c.to = ""
	case string:
		*c.to = from
	case []byte:
		*c.to = string(from)
	default:
		return typeError("a text")
	}
	return nil
}

func (c textCol) ScanText(from pgtype.Text) error {
	*c.to = from.String
	return nil
}

type intCol[N int | int64] struct{ to *N }

func (c intCol[N]) value() any { return int64(*c.to) }

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

func (c intCol[N]) ScanInt64(from pgtype.Int8) error {
	*c.to = N(from.Int64)
	return nil
}

// A boolCol is 0 or 1 in SQLite.
type boolCol struct{ to *bool }

func (c boolCol) value() any { return *c.to }

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

func (c boolCol) ScanBool(from pgtype.Bool) error {
	*c.to = from.Bool
	return nil
}

// A timeCol is a time in UTC, with microseconds. SQLite stores it as microseconds since 1970. The zero time is NULL.
type timeCol struct{ to *time.Time }

func (c timeCol) value() any {
	if c.to.IsZero() {
		return nil
	}
	return *c.to
}

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

func (c timeCol) ScanTimestamptz(from pgtype.Timestamptz) error {
	*c.to = from.Time.UTC()
	return nil
}

// A bytesCol is NULL for a nil slice.
type bytesCol struct{ to *[]byte }

func (c bytesCol) value() any {
	if *c.to == nil {
		return nil
	}
	return *c.to
}

func (c bytesCol) Scan(from any) error {
	switch from := from.(type) {
	case nil:
		*c.to = nil
	case []byte:
		*c.to = bytes.Clone(from) // the driver uses its buffer again for the next row
	default:
		return typeError("bytes")
	}
	return nil
}

// A listCol is stored as a JSON array, or as "" for an empty slice. Scan only stores the text, because an error of Scan
// would end the query. [Reader.Read] then calls decode, which sets the slice.
type listCol struct {
	to   *[]string
	text string
}

func (c *listCol) value() any {
	if len(*c.to) == 0 {
		return ""
	}
	array, _ := json.Marshal(*c.to) // strings always encode
	return string(array)
}

func (c *listCol) Scan(from any) error { return textCol{&c.text}.Scan(from) }

func (c *listCol) ScanText(from pgtype.Text) error { return textCol{&c.text}.ScanText(from) }

func (c *listCol) decode() error {
	*c.to = nil
	if c.text != "" && json.Unmarshal([]byte(c.text), c.to) != nil {
		return typeError("a list")
	}
	return nil
}

func typeError(what string) error {
	return dberr.Public("a stored value is not " + what)
}

// A field describes a field of a struct that is stored in a column.
type field struct {
	name, options string // from the tag of the field for bun
	kind          string // the type of PostgreSQL
	index         []int  // the index of the field in the struct, for [reflect.Value.FieldByIndex]
	column        func(field reflect.Value) column
}

// fieldsOf returns the columns of a struct. A nested struct is replaced by its fields, unless its type has a [column].
func fieldsOf(t reflect.Type) []field {
	if known, found := fieldCache.Load(t); found {
		return known.([]field)
	}
	all := appendFields(nil, t, nil, "")
	fieldCache.Store(t, all)
	return all
}

var fieldCache sync.Map // []field by reflect.Type

// appendFields appends the fields of the struct type t. The argument index is the index of this struct in the outer
// struct. The column names begin with the prefix.
func appendFields(all []field, t reflect.Type, index []int, prefix string) []field {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(index[:len(index):len(index)], i)
		name, options, _ := strings.Cut(f.Tag.Get("bun"), ",")
		embed, _ := strings.CutPrefix(name, "embed:")
		switch kind, column := columnOfType(f.Type); {
		case name == "-":
		case column != nil:
			all = append(all, field{prefix + cmp.Or(name, strings.ToLower(f.Name)), options, kind, at, column})
		case f.Type.Kind() == reflect.Struct:
			all = appendFields(all, f.Type, at, prefix+embed)
		default:
			panic(fmt.Sprintf("query: no column has the type of the field %s of %s", f.Name, t))
		}
	}
	return all
}
