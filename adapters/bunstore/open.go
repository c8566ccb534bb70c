package bunstore

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Options say how to open a database. The zero Options do for most.
type Options struct {
	Conns int              // at once, of Postgres or of readers of SQLite; 0: 16
	Busy  time.Duration    // how long SQLite waits for another process's transaction; 0: 10 s
	Now   func() time.Time // the clock that decides on SQLite; nil: time.Now

	// Pooler is what stands before a Postgres; "": PoolerAuto.
	Pooler Pooler

	// Distributed is for a Postgres whose tables [Store.Distribute] has distributed, and for databases that
	// speak its protocol and have no SKIP LOCKED.
	Distributed bool

	// Dedicated makes [Open] and [Store.Migrate] refuse a database that holds tables of other programs and none of
	// keyseat's. Without it keyseat shares a database with the program that embeds it.
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

// Open opens a database: "sqlite:PATH", made if it is not there, or "postgres://…" ("postgresql://…"),
// which may name several hosts: the one that takes writes is looked for. With [PoolerAuto] it connects to a
// Postgres, else the first statement does. It makes no tables: [Store.Migrate] does. Its errors never hold the URL, because that
// may hold a password.
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
