package bunstore

import (
	"context"
	"errors"
	"strings"
)

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
