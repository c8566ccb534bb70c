package bunstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// A mode is a way in which a statement fails. BEGIN and COMMIT are statements too.
type mode struct {
	name  string
	err   error
	done  bool // the statement takes effect, but its result is lost
	dies  bool // the connection breaks
	torn  bool // the result of a query breaks off after the first row
	every bool // the statement fails in every run of its transaction
	first bool // the mode is tested even if there is little time
}

var errFault = errors.New("the statement has failed")

var modes = []mode{
	{name: "not done", err: errFault},
	{name: "done, the answer lost", err: errFault, done: true, first: true},
	{name: "cut before", err: driver.ErrBadConn, dies: true},
	{name: "cut after", err: io.ErrUnexpectedEOF, done: true, dies: true, first: true},
	{name: "torn", err: errFault, torn: true},
}

// collisions returns modes with the errors of Postgres for a transaction that conflicts with another.
func collisions() (all []mode) {
	for _, state := range []string{"40001", "40P01"} {
		err := &pgconn.PgError{Code: state}
		all = append(all, mode{name: state, err: err, first: true}, mode{name: state + " every time", err: err, every: true})
	}
	return all
}

// A faults makes the at-th statement after arm fail.
type faults struct {
	mu sync.Mutex
	mode
	at, seen, hits, begun int
	sent                  []string        // statements
	refused               error           // the last error of the database itself
	free                  <-chan struct{} // if not nil, each BEGIN but the first waits until it is closed
}

// waitFree delays a BEGIN that is not the first since arm.
func (f *faults) waitFree() {
	f.mu.Lock()
	begun, free := f.begun, f.free
	f.mu.Unlock()
	if begun > 0 && free != nil {
		<-free
	}
}

func (f *faults) refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused = err
}

// note records a statement.
func (f *faults) note(sql string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, sql)
}

func (f *faults) arm(m mode, at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode, f.at, f.seen, f.hits, f.begun = m, at, 0, 0, 0
}

// disarm ends the faults. It returns the number of failed statements and the number of BEGINs since arm.
func (f *faults) disarm() (hits, begun int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = 0
	return f.hits, f.begun
}

// The kinds of statements.
const (
	query = iota
	exec
	begin
	commit
)

// next counts a statement and returns whether it must fail.
func (f *faults) next(what int) (mode, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if what == begin {
		f.begun++
		if f.every {
			f.seen = 0
		}
	}
	if f.at == 0 || f.torn && what != query {
		return mode{}, false
	}
	f.seen++
	if f.seen != f.at {
		return mode{}, false
	}
	f.hits++
	return f.mode, true
}

// A frailDriver opens connections whose statements fail as its faults say.
type frailDriver struct {
	driver.Connector
	*faults
	sessions chan driver.Conn // of broken connections
}

func (d frailDriver) Connect(ctx context.Context) (driver.Conn, error) {
	select {
	case conn := <-d.sessions:
		return &frailConn{Conn: conn, frailDriver: d}, nil
	default:
	}
	conn, err := d.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &frailConn{Conn: conn, frailDriver: d}, nil
}

// Close closes the sessions of broken connections. [sql.DB.Close] calls it.
func (d frailDriver) Close() error {
	for {
		select {
		case conn := <-d.sessions:
			_ = conn.Close() // as if it had closed when its connection broke
		default:
			return nil
		}
	}
}

type frailConn struct {
	driver.Conn
	frailDriver
	tx   driver.Tx // the open transaction, or nil
	dead bool
}

// disconnect breaks the connection, so that its transaction ends. The next connection gets its session, because each new
// session of Postgres costs as much time as many statements. On the wire, the sessions end too.
func (c *frailConn) disconnect() {
	c.dead = true
	if c.tx != nil && c.tx.Rollback() != nil {
		_ = c.Conn.Close() // the caller gets the error of the mode
		return
	}
	select {
	case c.sessions <- c.Conn:
	default:
		_ = c.Conn.Close() // like a broken connection
	}
}

// run executes a statement with do, and makes it fail, as the mode says. Before it returns the error of the
// mode, it calls clean. If torn is true, the statement was executed and its rows must break off.
func (c *frailConn) run(what int, do func() error, clean func()) (torn bool, err error) {
	if c.dead {
		return false, driver.ErrBadConn
	}
	if what == begin {
		c.waitFree()
	}
	m, fails := c.next(what)
	if !fails || m.torn || m.done {
		if err := do(); err != nil {
			c.refuse(err)
			return false, err
		}
	}
	if !fails || m.torn {
		return fails, nil
	}
	clean()
	if m.dies || m.done && what == begin { // after a lost BEGIN the state of the connection is unknown
		c.disconnect()
	}
	return false, m.err
}

func nothing() {}

func (c *frailConn) QueryContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Rows, error) {
	c.note(sql)
	var rows driver.Rows
	torn, err := c.run(query, func() (err error) {
		rows, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, sql, args)
		return err
	}, func() { exhaust(rows) })
	switch {
	case err != nil:
		return nil, err
	case torn:
		return &tornRows{Rows: rows}, nil
	}
	return &watchedRows{rows, c.faults}, nil
}

// watchedRows records the error of a result.
type watchedRows struct {
	driver.Rows
	*faults
}

func (r *watchedRows) Next(values []driver.Value) error {
	err := r.Rows.Next(values)
	if err != nil && !errors.Is(err, io.EOF) {
		r.refuse(err)
	}
	return err
}

// exhaust reads a result to its end, because a statement takes effect only then.
func exhaust(rows driver.Rows) {
	if rows == nil {
		return
	}
	values := make([]driver.Value, len(rows.Columns()))
	for more := true; more; {
		more = rows.Next(values) == nil
	}
	_ = rows.Close() // the caller gets the error of the mode instead
}

// tornRows fails after the first row.
type tornRows struct {
	driver.Rows
	read int
}

func (r *tornRows) Next(values []driver.Value) error {
	if r.read++; r.read > 1 {
		return errFault
	}
	return r.Rows.Next(values)
}

func (c *frailConn) ExecContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Result, error) {
	c.note(sql)
	var result driver.Result
	_, err := c.run(exec, func() (err error) {
		result, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, sql, args)
		return err
	}, nothing)
	return result, err
}

func (c *frailConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	_, err := c.run(begin, func() (err error) {
		c.tx, err = c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
		return err
	}, nothing)
	return frailTx{c}, err
}

func (c *frailConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, checks := c.Conn.(driver.NamedValueChecker); checks {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *frailConn) ResetSession(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

func (c *frailConn) IsValid() bool { return !c.dead }

func (c *frailConn) Close() error {
	if c.dead {
		return nil
	}
	return c.Conn.Close()
}

type frailTx struct{ conn *frailConn }

// Commit ends the transaction even if it fails, like both databases.
func (t frailTx) Commit() error {
	_, err := t.conn.run(commit, func() error { return t.conn.end(driver.Tx.Commit) }, func() {
		if t.conn.tx != nil {
			_ = t.conn.end(driver.Tx.Rollback) // the caller gets the error of the mode
		}
	})
	return err
}

func (t frailTx) Rollback() error {
	if t.conn.dead {
		return driver.ErrBadConn
	}
	return t.conn.end(driver.Tx.Rollback)
}

// end ends the open transaction.
func (c *frailConn) end(how func(driver.Tx) error) error {
	tx := c.tx
	c.tx = nil
	return how(tx)
}
