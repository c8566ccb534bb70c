package bunstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// errURL does not say what is wrong, since what could be quoted may be the password.
var errURL = errors.New("the database's URL cannot be understood: want postgres://user:password@host:port/database?sslmode=…, " +
	"special characters in the password percent-encoded")

func openPostgres(url string, o Options) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errURL
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	if _, named := config.RuntimeParams["application_name"]; !named {
		config.RuntimeParams["application_name"] = "keyseat"
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(limits))
	pool.SetMaxOpenConns(o.Conns)
	pool.SetMaxIdleConns(o.Conns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db := bun.NewDB(pool, pgdialect.New())
	return &Store{dialect: postgres{}, read: db, write: db, owned: true}, nil
}

// limits make the server end the transaction of a process that was stopped in the middle of it, since
// the rows that it has locked are everybody's, and let nobody wait for a row much longer than its
// holder should take: a batch of changes waits as one. They are no parameters of the connection,
// because poolers refuse those that they do not know.
func limits(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '2s'", pgx.QueryExecModeSimpleProtocol)
	return err
}
