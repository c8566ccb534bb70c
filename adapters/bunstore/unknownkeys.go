package bunstore

import (
	"context"
	"net/netip"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// windowOverSQL is true if the one-minute window of a row s has ended. It is also true if the window ends more than
// 2 minutes from now: then the clock was set back after the window began.
const windowOverSQL = `(s.ends <= @now OR s.ends > @now + @twice)`

// CountUnknownKeys adds counts of unknown keys, per block of addresses, to the current one-minute window of
// each block. A window starts with its first count. For each block CountUnknownKeys returns the new total and
// the time left in the window, as arguments of report. It calls report only if the statement succeeded.
//
// CountUnknownKeys works on Postgres only, because an SQLite file has only one daemon. The counts are lost
// when the server crashes. All daemons write rows in the same order, so that they do not deadlock.
func (s *Store) CountUnknownKeys(ctx context.Context, unknown map[netip.Prefix]int, report func(block netip.Prefix, unknown int, left time.Duration)) error {
	counts := query.Rows{Columns: "block text, unknown bigint"}
	for block, n := range unknown {
		counts.Add(block.String(), int64(n))
	}
	var calls []func()
	err := s.reader().runCached(ctx, query.Query{
		SQL: `
		WITH @counts
		INSERT INTO keyseat_strangers AS s (block, ends, unknown)
		SELECT block, @now + @minute, unknown FROM counts ORDER BY block COLLATE "C"
		ON CONFLICT (block) DO UPDATE SET
			ends = CASE WHEN ` + windowOverSQL + ` THEN excluded.ends ELSE s.ends END,
			unknown = CASE WHEN ` + windowOverSQL + ` THEN 0 ELSE s.unknown END + excluded.unknown
		RETURNING s.block, s.unknown, CAST(1000000 * extract(epoch FROM least(s.ends - @now, @minute)) AS bigint)`,
		Args: query.Args{"counts": counts, "minute": time.Minute, "twice": 2 * time.Minute},
		Scan: func(r query.Row) error {
			var block string
			var n, left int64
			err := r.Scan([]query.Column{query.Text(&block), query.Int(&n), query.Int(&left)})
			if err != nil {
				return err
			}
			prefix, _ := netip.ParsePrefix(block) // an invalid prefix has a text that does not parse, so the result is invalid too
			calls = append(calls, func() { report(prefix, int(n), time.Duration(left)*time.Microsecond) })
			return nil
		},
	})
	if err != nil {
		return s.wrap("count unknown keys", err)
	}
	for _, report := range calls {
		report()
	}
	return nil
}

// Heartbeat records a heartbeat of the daemon with this name, valid for ttl from now. It returns the number of
// daemons with a valid heartbeat, this one included. Like [Store.CountUnknownKeys] it works on Postgres only.
//
// Heartbeat also deletes expired heartbeats and the expired counts of CountUnknownKeys and CountLogins. In a distributed
// store two calls cannot skip each other's rows, so they may deadlock. Heartbeat then runs again.
func (s *Store) Heartbeat(ctx context.Context, name string, ttl time.Duration) (daemons int, err error) {
	beat := query.Query{
		SQL: `
		WITH swept AS (
			DELETE FROM keyseat_strangers WHERE block IN (
				SELECT s.block FROM keyseat_strangers s WHERE ` + windowOverSQL + ` ORDER BY s.block` + s.forUpdate("s") + s.reader().skipLocked() + `)),
		expired AS (
			DELETE FROM keyseat_logins WHERE (login, code) IN (
				SELECT l.login, l.code FROM keyseat_logins l WHERE l.ends <= @now ORDER BY l.login, l.code` + s.forUpdate("l") + s.reader().skipLocked() + `)),
		gone AS (
			DELETE FROM keyseat_daemons WHERE name IN (
				SELECT d.name FROM keyseat_daemons d WHERE d.until <= @now AND d.name <> @name` + s.forUpdate("d") + s.reader().skipLocked() + `)),
		here AS (
			INSERT INTO keyseat_daemons (name, until) VALUES (@name, @now + @ttl)
			ON CONFLICT (name) DO UPDATE SET until = excluded.until)
		SELECT 1 + count(*) FROM keyseat_daemons WHERE until > @now AND name <> @name`,
		Args: query.Args{"name": name, "ttl": ttl, "twice": 2 * time.Minute},
		Scan: func(r query.Row) error {
			return r.Scan([]query.Column{query.Int(&daemons)})
		},
	}
	err = retry(ctx, func() error { return s.reader().runCached(ctx, beat) })
	return daemons, s.wrap("heartbeat", err)
}
