package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A shown is the response to info, as keyseatd sends it for a key in use.
type shown struct {
	Status   string     `json:"status"`
	Message  string     `json:"message"`
	Username string     `json:"username"`
	Address  string     `json:"verify_address"`
	Used     int        `json:"used"`
	Bought   *time.Time `json:"purchase_date"`
	Since    *time.Time `json:"used_date"`
}

const infoQuery = `SELECT status, message, username, verify_address, used::int, date_trunc('second', purchase_date), date_trunc('second', used_date)
	FROM keyseat_keys WHERE code = $1 AND NOT revoked`

// peerInfo answers info with one prepared query per request, over as many connections as keyseatd uses.
func peerInfo(ctx context.Context, args []string) error {
	pool, err := openPool(ctx, args[0])
	if err != nil {
		return err
	}
	defer pool.Close()
	return serveAPI(ctx, func(w http.ResponseWriter, r *http.Request) {
		var k shown
		err := pool.QueryRow(r.Context(), infoQuery, r.URL.Query().Get("info")).
			Scan(&k.Status, &k.Message, &k.Username, &k.Address, &k.Used, utc{&k.Bought}, utc{&k.Since})
		body, _ := json.Marshal(k) // shown can always be encoded
		respond(w, body, err)
	})
}

// conns is the number of connections of a side to the database. It is keyseatd's default.
const conns = 16

// openPool opens a pool that prepares its statements, which is pgx's default.
func openPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = conns
	return pgxpool.NewWithConfig(ctx, config)
}

// peerConstant answers info without a database. It measures the cost of net/http and JSON alone.
func peerConstant(ctx context.Context, _ []string) error {
	now := time.Now().UTC().Truncate(time.Second)
	return serveAPI(ctx, func(w http.ResponseWriter, r *http.Request) {
		k := shown{"success", "", "u-" + r.URL.Query().Get("info"), "1 Main Street, Springfield", 1, &now, &now}
		body, _ := json.Marshal(k) // shown can always be encoded
		respond(w, body, nil)
	})
}

// utc scans a time and converts it to UTC, as the response shows it.
type utc struct{ into **time.Time }

// Scan implements [database/sql.Scanner].
func (u utc) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		return nil
	case time.Time:
		value = value.UTC()
		*u.into = &value
		return nil
	}
	return errors.New("no time")
}
