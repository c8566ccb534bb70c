package query

import (
	"database/sql"
	"reflect"
)

// A Row is a row of a statement's result. It copies its columns into variables, as [sql.Rows.Scan] does.
type Row func(into ...any) error

// A Reader reads rows into a variable. Its type T is the type of a column, or a struct whose fields are the columns in
// order. A struct in T stands for its own fields.
type Reader[T any] struct {
	row   struct{ Value T }
	into  []any
	lists []*listCol
}

// NewReader returns a Reader. It panics if T has a field that is no column.
func NewReader[T any]() *Reader[T] {
	r := &Reader[T]{}
	for _, f := range fieldsOf(reflect.TypeOf(r.row)) {
		c := f.column(reflect.ValueOf(&r.row).Elem().FieldByIndex(f.index))
		if list, is := c.(*listCol); is {
			r.lists = append(r.lists, list)
		}
		r.into = append(r.into, c)
	}
	return r
}

// Read returns the value of a row. After an error it has the fields before the one that cannot be read.
func (r *Reader[T]) Read(row Row) (T, error) {
	var none T
	r.row.Value = none
	err := row(r.into...)
	for _, list := range r.lists {
		if err == nil {
			err = list.decode()
		}
	}
	return r.row.Value, err
}

// Each returns a function that reads rows of type T, see [Reader], and calls use with each.
func Each[T any](use func(T)) func(Row) error {
	r := NewReader[T]()
	return func(row Row) error {
		value, err := r.Read(row)
		if err == nil {
			use(value)
		}
		return err
	}
}

// Append returns a function that appends each row to a slice.
func Append[T any](to *[]T) func(Row) error { return Each(func(value T) { *to = append(*to, value) }) }

// Into returns a function that reads a row into a variable.
func Into[T any](to *T) func(Row) error { return Each(func(value T) { *to = value }) }

// Discard ignores a row.
func Discard(Row) error { return nil }

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
