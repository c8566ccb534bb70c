package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// rowImport compares a whole run of keyseatd keys import with COPY. The copied files contain the same rows:
// keys, and a line of history for each.
func rowImport(ctx context.Context, b *bench) ([]result, error) {
	i := &importing{bench: b, keys: b.size(1_000_000)}
	url, drop, err := b.database(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	i.url = url
	if err := i.write(); err != nil {
		return nil, err
	}
	got, err := b.alternate(ctx, i.timed(i.ours), i.timed(i.raw))
	if err != nil {
		return nil, err
	}
	return []result{throughput(fmt.Sprintf("import of %d keys, beside COPY of keys and history", i.keys), got[0], got[1], goal{least: 0.6})}, nil
}

// importing is one set of keys, in three files.
type importing struct {
	*bench
	url                  string
	keys                 int
	csv, rows, histories string
}

func (i *importing) write() (err error) {
	i.csv, i.rows, i.histories = i.path("keys.csv"), i.path("rows.copy"), i.path("history.copy")
	if err := lines(i.csv, "code,order_id,purchase_date\n", i.keys, "%s,order-%d,2026-01-02T03:04:05Z\n"); err != nil {
		return err
	}
	if err := lines(i.rows, "", i.keys, "%s,1,active,f,f,\"\",\"\",\"\",\"\",\"\",order-%d,2026-01-02 03:04:05Z,,\"\",batch\n"); err != nil {
		return err
	}
	return lines(i.histories, "", i.keys, "%s,batch,0,2026-01-02 03:04:05.%dZ,imported,\"\",\"\",\"\",\"\",\"\",\"\",\"\"\n")
}

// lines writes a file with one line per key.
func lines(path, head string, n int, format string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // Flush returns the error
	out := bufio.NewWriter(f)
	_, _ = out.WriteString(head) // Flush returns the error
	for k := range n {
		_, _ = fmt.Fprintf(out, format, codeOf(k), k%1000)
	}
	return out.Flush()
}

// timed returns a side that fills empty tables, and counts their rows at the end.
func (i *importing) timed(do func(ctx context.Context) error) side {
	return func(ctx context.Context) (sample, error) {
		if err := execute(ctx, i.url, wipe, "CHECKPOINT"); err != nil {
			return sample{}, err
		}
		start := time.Now()
		if err := do(ctx); err != nil {
			return sample{}, err
		}
		took := time.Since(start)
		for _, table := range []string{"keyseat_keys", "keyseat_history"} {
			if err := holds(ctx, i.url, "SELECT count(*) FROM "+table, i.keys); err != nil {
				return sample{}, err
			}
		}
		return sample{n: i.keys, rate: float64(i.keys) / took.Seconds()}, nil
	}
}

func (i *importing) ours(ctx context.Context) error {
	return i.command(ctx, nil, "keys", "import", i.csv, "--database", i.url)
}

// raw imports both files with COPY, in one transaction.
func (i *importing) raw(ctx context.Context) error {
	return connected(ctx, i.url, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(pgx.Tx) error {
			err := copyFile(ctx, conn, i.rows, `COPY keyseat_keys (code, version, status, used, revoked, message, username,
				verify_address, invite, address, order_id, purchase_date, used_date, task_id, batch_id) FROM STDIN (FORMAT csv)`)
			if err != nil {
				return err
			}
			return copyFile(ctx, conn, i.histories, `COPY keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome,
				plan_id, slot_from, slot_to, note) FROM STDIN (FORMAT csv)`)
		})
	})
}

func copyFile(ctx context.Context, conn *pgx.Conn, path, sql string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	_, err = conn.PgConn().CopyFrom(ctx, f, sql)
	return err
}
