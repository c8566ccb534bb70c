package query

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A Table maps a struct to a database table. It has the columns, with the types of PostgreSQL, and the fields
// of the struct in the same order.
type Table[T any] struct {
	Name    string
	Columns Columns
	fields  []tableField
}

type tableField struct {
	index  []int // of the field in the struct
	column func(field reflect.Value) Column
}

// TableOf returns the table of T. The struct M has the same fields as T, in the same order. Its tags for bun
// name the columns:
//
//	`bun:"name"`            a column; more options may follow
//	`bun:"embed:prefix_"`   a struct, whose fields are columns with that prefix
//
// The table leaves out columns with the option scanonly, which are not stored, and columns with the option
// autoincrement, which the database numbers itself. TableOf panics if it cannot map a field.
func TableOf[T, M any](name string) Table[T] {
	t := Table[T]{Name: name}
	t.add(reflect.TypeFor[T](), reflect.TypeFor[M](), nil, "")
	return t
}

// add adds the columns of one struct in T, or of T itself. The type model has the tags of its fields. The index
// locates the struct in T, and the prefix begins the names of its columns.
func (t *Table[T]) add(fields, model reflect.Type, index []int, prefix string) {
	for i := range model.NumField() {
		f := model.Field(i)
		at := append(index[:len(index):len(index)], i)
		name, options, _ := strings.Cut(f.Tag.Get("bun"), ",")
		embed, embedded := strings.CutPrefix(name, "embed:")
		switch {
		case f.Anonymous || embedded:
			t.add(fields.Field(i).Type, f.Type, at, prefix+embed)
		case name == "-" || strings.Contains(options, "scanonly") || strings.Contains(options, "autoincrement"):
		default:
			if name == "" {
				name = strings.ToLower(f.Name)
			}
			t.addColumn(prefix+name, fields.Field(i), at)
		}
	}
}

func (t *Table[T]) addColumn(name string, field reflect.StructField, index []int) {
	kind, column := columnOfType(field.Type)
	if column == nil {
		panic(fmt.Sprintf("query: the field %s of table %s has no type of a column", field.Name, t.Name))
	}
	if t.Columns != "" {
		t.Columns += ", "
	}
	t.Columns += Columns(name + " " + kind)
	t.fields = append(t.fields, tableField{index, column})
}

// columnOfType returns the type of PostgreSQL for a type of Go, and the [Column] of a field of that type.
func columnOfType(t reflect.Type) (kind string, column func(reflect.Value) Column) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return "timestamptz", func(f reflect.Value) Column { return Time(pointer[time.Time](f)) }
	case reflect.TypeFor[[]byte]():
		return "bytea", func(f reflect.Value) Column { return Bytes(pointer[[]byte](f)) }
	case reflect.TypeFor[[]string]():
		return "text", func(f reflect.Value) Column { return JSONList{pointer[[]string](f)} }
	}
	switch t.Kind() { //nolint:exhaustive // no stored type has another kind
	case reflect.String:
		return "text", func(f reflect.Value) Column { return Text(pointer[string](f)) }
	case reflect.Int:
		return "bigint", func(f reflect.Value) Column { return Int(pointer[int](f)) }
	case reflect.Int64:
		return "bigint", func(f reflect.Value) Column { return Int(pointer[int64](f)) }
	case reflect.Bool:
		return "boolean", func(f reflect.Value) Column { return Bool(pointer[bool](f)) }
	}
	return "", nil
}

// pointer returns the address of a field whose underlying type is T. It is called for every field of every row, and
// a conversion of package reflect takes twice as long.
func pointer[T any](field reflect.Value) *T {
	return (*T)(field.Addr().UnsafePointer())
}

// Fields returns the fields of a struct, in the order of the columns.
func (t Table[T]) Fields(of *T) []Column {
	row, all := reflect.ValueOf(of).Elem(), make([]Column, len(t.fields))
	for i, f := range t.fields {
		all[i] = f.column(row.FieldByIndex(f.index))
	}
	return all
}

// Rows returns structs as [Rows], an argument of a statement.
func (t Table[T]) Rows(all []T) Rows {
	r := Rows{Columns: t.Columns}
	for i := range all {
		r.Values = append(r.Values, Values(t.Fields(&all[i])))
	}
	return r
}

// Values returns the values of fields.
func Values(fields []Column) []any {
	row := make([]any, len(fields))
	for i, f := range fields {
		row[i] = f.value()
	}
	return row
}
