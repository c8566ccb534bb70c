package bunstore

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Options control how [Open] opens a database. The zero Options suit most programs.
type Options struct {
	Conns int              // the maximum of simultaneous connections to Postgres, or of SQLite readers; 0: 16
	Busy  time.Duration    // the time that SQLite waits for a transaction of another process; 0: 10 s
	Now   func() time.Time // on SQLite, the clock by which tasks are due and leases expire; nil: time.Now

	// Pooler is the kind of connection pooler between the store and a Postgres; "": PoolerAuto.
	Pooler Pooler

	// Distributed is for a Postgres whose tables [Store.Distribute] has distributed. It is also for
	// databases that use the protocol of Postgres and lack SKIP LOCKED.
	Distributed bool

	// Dedicated makes [Open] and [Store.Migrate] refuse a database that has tables of other programs and
	// no tables of keyseat. Without Dedicated keyseat may share a database with the program that embeds it.
	Dedicated bool
}

func (o Options) filled() Options {
	if o.Conns == 0 {
		o.Conns = 16
	}
	if o.Busy == 0 {
		o.Busy = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pooler == "" {
		o.Pooler = PoolerAuto
	}
	return o
}

// Open opens a database. The URL has one of these forms:
//
//	sqlite:PATH        an SQLite file; Open creates a missing file
//	postgres://…       a PostgreSQL server, or several hosts
//	postgresql://…     the same
//
// Of several hosts Open uses the host that accepts writes. With [PoolerAuto] Open connects to a Postgres;
// otherwise the first statement connects. Open creates no tables: [Store.Migrate] does. The errors of Open
// never contain the URL, because it may contain a password.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, rest, o.filled())
	case "postgres", "postgresql":
		return openPostgres(ctx, url, o.filled())
	}
	return nil, errors.New("a database URL begins with sqlite: or postgres://")
}
