package query

import (
	"context"
	"database/sql"
)

// A Query is a statement with its arguments. Scan is called for every row of the result.
type Query struct {
	SQL    string
	SQLite string // the statement for SQLite, if it is another one
	Args   Args
	Scan   func(Row) error
}

// A Runner runs statements in order, until one returns an error. It may send all of them together.
type Runner func(ctx context.Context, all ...Query) error

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
