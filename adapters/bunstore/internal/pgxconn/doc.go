// Package pgxconn connects to PostgreSQL, and runs queries on a connection of pgx without database/sql in between.
// That is faster: database/sql waits for the result of each statement, and watches each with a goroutine.
//
// [Open] returns a pool. It detects a pooler between the program and the server.
//
//	*sql.Conn ── With ──▶ Conn
//	                        Statements   each statement alone; the server keeps its plan
//	                        Scans        statements that read whole tables
//	                        Transaction  a whole transaction in one round trip
//	                        Pipeline     a transaction; one round trip for the queries of one call of Run
//
// A [Pipeline] with two calls of Run takes two round trips:
//
//	client   BEGIN  lock  read ──▶             write  COMMIT ──▶
//	server                        3 results ──▶                  2 results ──▶
//
// If a statement fails, the server skips all statements that were sent after it, also the COMMIT.
//
// Behind a pooler in transaction mode a connection keeps nothing from one transaction to the next. There
// nothing is prepared, and the settings of the session travel with each BEGIN.
//
// A connection may be dead without the pool knowing it. A [RetryCheck] decides whether the statements may run
// again on another connection.
package pgxconn
