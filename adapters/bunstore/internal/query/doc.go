// Package query is the query engine of bunstore. It turns statements with named arguments into the SQL of
// PostgreSQL or SQLite, and reads rows into the fields of structs.
//
//	a port of bunstore         Query{SQL, Args, Scan}      "WITH @want SELECT … WHERE k.code = want.code"
//	                             │
//	Compile, for a Dialect       │  replaces each @name; the result is cached
//	                             ▼
//	database/sql or pgx        text with $1 or ?1, and the values of the parameters
//	                             │
//	                             ▼
//	Row ──▶ Column             one column of the result ──▶ one field of a struct
//
// A [Table] pairs the columns of a database table with the fields of a struct. [Table.Rows] converts structs to an
// argument of a query, and [Row.Scan] reads a row into the fields of a struct.
//
// A [Select] is a query that bun writes for a model.
//
// The package knows nothing of keys, tasks and plans, and has no connection. A [Runner] has one.
package query
