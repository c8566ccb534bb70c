package bunstore

import (
	"context"
	"database/sql"
	"reflect"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// A selection is a query of bun whose arguments are bind parameters. Bun itself writes arguments into the text
// of a statement:
//
//	q.Where("seq > ?", after)           seq > 7
//	q.Where("seq > ?", q.bind(after))   seq > $1, and the argument 7
type selection struct {
	*bun.SelectQuery
	args *query.Binder
}

// selectInto returns a query that reads rows into a model. The session runs it.
func (s session) selectInto(model any) selection {
	args, db := query.NewBinder(s.sql), postgresModels
	if s.isSQLite {
		db = sqliteModels
	}
	return selection{db.NewSelect().Conn(boundConn{s.on, args}).Model(model), args}
}

// The databases of the models only write queries: they have no connections.
var (
	postgresModels = bun.NewDB(nil, withModels(pgdialect.New()))
	sqliteModels   = bun.NewDB(nil, withModels(sqlitedialect.New()))
)

// bind returns an argument of bun that becomes a bind parameter.
func (q selection) bind(value any) bun.Safe { return bun.Safe(q.args.Arg(value)) }

// now returns an argument of bun that is the current time of the store.
func (q selection) now() bun.Safe { return bun.Safe(q.args.Now()) }

// A boundConn runs the statements of bun with the arguments of a binder.
type boundConn struct {
	conn
	args *query.Binder
}

// QueryContext implements [bun.IConn].
func (c boundConn) QueryContext(ctx context.Context, text string, _ ...any) (*sql.Rows, error) {
	values, err := c.args.Values()
	if err != nil {
		return nil, err
	}
	return c.conn.QueryContext(ctx, text, values...)
}

// mapped returns the results of a function for all rows.
func mapped[M, T any](rows []M, to func(M) T) (all []T) {
	for _, r := range rows {
		all = append(all, to(r))
	}
	return all
}

// A modelDialect is a dialect of bun that reads times and lists in the form in which the store writes them.
// See [query.Time] and [query.JSONList].
type modelDialect struct {
	bunschema.Dialect
	tables *bunschema.Tables
}

func withModels(d bunschema.Dialect) *modelDialect {
	m := &modelDialect{Dialect: d}
	m.tables = bunschema.NewTables(m)
	return m
}

// Tables implements [bunschema.Dialect].
func (d *modelDialect) Tables() *bunschema.Tables { return d.tables }

// OnTable implements [bunschema.Dialect]. Bun calls it once for each model.
func (d *modelDialect) OnTable(t *bunschema.Table) {
	d.Dialect.OnTable(t)
	for _, f := range t.FieldMap {
		switch f.StructField.Type {
		case reflect.TypeFor[time.Time]():
			f.Scan = func(dest reflect.Value, from any) error {
				return query.Time(dest.Addr().Interface().(*time.Time)).Scan(from)
			}
		case reflect.TypeFor[[]string]():
			f.Scan = func(dest reflect.Value, from any) error {
				return query.JSONList{To: dest.Addr().Interface().(*[]string)}.Scan(from)
			}
		}
	}
}
