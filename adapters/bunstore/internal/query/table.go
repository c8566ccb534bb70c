package query

import (
	"context"
	"database/sql"
	"reflect"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
)

// A Table maps a struct to a database table. Its columns have the order of the struct's fields.
type Table[T any] struct {
	Name    string
	Columns Columns
	fields  []field
}

// TableOf returns the table of T. The struct M has the same fields as T, in the same order. Its tags for bun name the
// columns:
//
//	`bun:"name"`            a column; more options may follow
//	`bun:"embed:prefix_"`   a struct, whose fields are columns with that prefix
//
// The table leaves out columns with the option scanonly, which are not stored, and columns with the option
// autoincrement, which the database numbers itself. TableOf panics if it cannot map a field.
func TableOf[T, M any](name string) Table[T] {
	t := Table[T]{Name: name}
	var columns []string
	for _, f := range fieldsOf(reflect.TypeFor[M]()) {
		if !strings.Contains(f.options, "scanonly") && !strings.Contains(f.options, "autoincrement") {
			t.fields = append(t.fields, f)
			columns = append(columns, f.name+" "+f.kind)
		}
	}
	t.Columns = Columns(strings.Join(columns, ", "))
	return t
}

// Values returns the values of a struct's fields, in the order of the columns.
func (t Table[T]) Values(of *T) []any {
	from, row := reflect.ValueOf(of).Elem(), make([]any, len(t.fields))
	for i, f := range t.fields {
		row[i] = f.column(from.FieldByIndex(f.index)).value()
	}
	return row
}

// Rows returns structs as [Rows], an argument of a statement.
func (t Table[T]) Rows(all []T) Rows {
	r := Rows{Columns: t.Columns}
	for i := range all {
		r.Values = append(r.Values, t.Values(&all[i]))
	}
	return r
}

// A Select is a query of bun whose arguments are bind parameters. Without Bind, bun writes them into the text:
//
//	q.Where("seq > ?", after)           seq > 7
//	q.Where("seq > ?", q.Bind(after))   seq > $1, and the argument 7
type Select struct {
	*bun.SelectQuery
	args *binder
}

// NewSelect returns a query that reads rows into a model. It runs on the given connection.
func NewSelect(d Dialect, on bun.IConn, model any) Select {
	args, db := &binder{dialect: d}, postgresModels
	if _, is := d.(sqlite); is {
		db = sqliteModels
	}
	return Select{db.NewSelect().Conn(boundConn{on, args}).Model(model), args}
}

// Bind returns an argument of bun that becomes a bind parameter. The value must have a type that [Args] lists, except
// [Rows] and [InlineRows].
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
	err     error // is [ErrInvalidText] if a value cannot be stored
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

// The databases of bun that generate the SQL for the models. They have no connections: a [boundConn] runs the SQL.
var (
	postgresModels = bun.NewDB(nil, withModels(pgdialect.New()))
	sqliteModels   = bun.NewDB(nil, withModels(sqlitedialect.New()))
)

// A modelDialect is a dialect of bun that reads times and lists as [timeCol] and [listCol] write them.
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
				return timeCol{pointer[time.Time](dest)}.Scan(from)
			}
		case reflect.TypeFor[[]string]():
			f.Scan = func(dest reflect.Value, from any) error {
				list := listCol{to: pointer[[]string](dest)}
				if err := list.Scan(from); err != nil {
					return err
				}
				return list.decode()
			}
		}
	}
}
