package query

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
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

// A Select is a query of bun whose arguments are bind parameters. Bun itself writes arguments into the text of a
// statement:
//
//	q.Where("seq > ?", after)           seq > 7
//	q.Where("seq > ?", q.Bind(after))   seq > $1, and the argument 7
type Select struct {
	*bun.SelectQuery
	args *binder
}

// NewSelect returns a query that reads rows into a model. The connection runs it.
func NewSelect(d Dialect, on bun.IConn, model any) Select {
	args, db := &binder{dialect: d}, postgresModels
	if _, is := d.(sqlite); is {
		db = sqliteModels
	}
	return Select{db.NewSelect().Conn(boundConn{on, args}).Model(model), args}
}

// Bind returns an argument of bun that becomes a bind parameter. The types are those of [Args], except for rows.
func (q Select) Bind(value any) bun.Safe {
	if !ValidText(value) {
		q.args.err = ErrInvalidText
	}
	return bun.Safe(q.args.dialect.scalarSQL(value, q.args.bind(value)))
}

// Now returns an argument of bun that is the current time of the [Dialect].
func (q Select) Now() bun.Safe {
	return bun.Safe(q.args.dialect.nowSQL(q.args.bind(q.args.dialect.now())))
}

// WhereIn adds the condition that a column has one of the values.
func (q Select) WhereIn(column string, values TextArray) {
	q.Where(q.args.dialect.inSQL(column), q.Bind(values))
}

// A binder collects the values of the bind parameters of a [Select].
type binder struct {
	dialect Dialect
	values  []any
	err     error // a value cannot be stored
}

func (b *binder) bind(value any) bindFunc {
	return func(convert func(any) any) string {
		b.values = append(b.values, convert(value))
		return b.dialect.placeholder(len(b.values))
	}
}

// A boundConn runs the statements of bun with the values of a binder.
type boundConn struct {
	bun.IConn
	args *binder
}

// QueryContext implements [bun.IConn].
func (c boundConn) QueryContext(ctx context.Context, text string, _ ...any) (*sql.Rows, error) {
	if c.args.err != nil {
		return nil, c.args.err
	}
	return c.IConn.QueryContext(ctx, text, c.args.values...)
}

// The databases of bun that generate the SQL for the models. They have no connections.
var (
	postgresModels = bun.NewDB(nil, withModels(pgdialect.New()))
	sqliteModels   = bun.NewDB(nil, withModels(sqlitedialect.New()))
)

// A modelDialect is a dialect of bun that reads times and lists in the form in which a [Table] writes them. See
// [Time] and [JSONList].
type modelDialect struct {
	schema.Dialect
	tables *schema.Tables
}

func withModels(d schema.Dialect) *modelDialect {
	m := &modelDialect{Dialect: d}
	m.tables = schema.NewTables(m)
	return m
}

// Tables implements [schema.Dialect].
func (d *modelDialect) Tables() *schema.Tables { return d.tables }

// OnTable implements [schema.Dialect]. Bun calls it once for each model.
func (d *modelDialect) OnTable(t *schema.Table) {
	d.Dialect.OnTable(t)
	for _, f := range t.FieldMap {
		switch f.StructField.Type {
		case reflect.TypeFor[time.Time]():
			f.Scan = func(dest reflect.Value, from any) error {
				return Time(dest.Addr().Interface().(*time.Time)).Scan(from)
			}
		case reflect.TypeFor[[]string]():
			f.Scan = func(dest reflect.Value, from any) error {
				return JSONList{To: dest.Addr().Interface().(*[]string)}.Scan(from)
			}
		}
	}
}
