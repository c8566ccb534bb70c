package query

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
