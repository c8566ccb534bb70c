package query

import "strings"

// A Table maps a struct to a database table. It has the columns, with the types of PostgreSQL, and the fields
// of the struct in the same order.
type Table[T any] struct {
	Name    string
	Columns Columns
	Fields  func(*T) []Column
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

// Columns lists names and types of columns: "code text, version bigint".
type Columns string

// Each calls do with the name and the type of every column.
func (c Columns) Each(do func(name, kind string)) {
	for column := range strings.SplitSeq(string(c), ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		do(name, kind)
	}
}

// List returns the names, each in the given format: "k.%" gives "k.code, k.version".
func (c Columns) List(format string) string {
	var names []string
	c.Each(func(name, _ string) { names = append(names, strings.ReplaceAll(format, "%", name)) })
	return strings.Join(names, ", ")
}
