package bunstore

import (
	"context"
	"net/netip"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// CountUnknownKeys adds counts of unknown keys, per block of addresses, to the current one-minute window of
// each block. A window starts with its first count. For each block CountUnknownKeys returns the new total and
// the time left in the window, as arguments of report. It calls report only if the statement succeeded.
//
// CountUnknownKeys works on Postgres only, because an SQLite file has only one daemon. The counts are lost
// when the server crashes.
func (s *Store) CountUnknownKeys(ctx context.Context, unknown map[netip.Prefix]int, report func(block netip.Prefix, unknown int, left time.Duration)) error {
	counts := query.Rows{Columns: "block text, unknown bigint"}
	for block, n := range unknown {
		counts.Add(block.String(), int64(n))
	}
	type row struct {
		Block         string
		Unknown, Left int64 // the rest of the window in microseconds
	}
	var rows []row
	err := s.reader().runCached(ctx, statement("count unknown keys",
		query.Args{"counts": counts, "minute": time.Minute, "twice": 2 * time.Minute}, query.Append(&rows)))
	if err != nil {
		return s.wrap("count unknown keys", err)
	}
	for _, r := range rows {
		block, _ := netip.ParsePrefix(r.Block) // an invalid prefix has a text that does not parse, so the result is invalid too
		report(block, int(r.Unknown), time.Duration(r.Left)*time.Microsecond)
	}
	return nil
}

// Heartbeat records a heartbeat of the daemon with this name, valid for ttl from now. It returns the number of
// daemons with a valid heartbeat, this one included. Like [Store.CountUnknownKeys] it works on Postgres only.
//
// Heartbeat also deletes expired heartbeats and the expired counts of CountUnknownKeys and CountLogins. In a distributed
// store two calls cannot skip each other's rows, so they may deadlock. Heartbeat then runs again.
func (s *Store) Heartbeat(ctx context.Context, name string, ttl time.Duration) (daemons int, err error) {
	beat := statement("heartbeat", query.Args{"name": name, "ttl": ttl, "twice": 2 * time.Minute}, query.Into(&daemons))
	err = retry(ctx, func() error { return s.reader().runCached(ctx, beat) })
	return daemons, s.wrap("heartbeat", err)
}

// loginOverSQL is true if the window of a row s has ended. It is also true if the window ends more than two windows from
// now: then the clock was set back after the window began. One window is not enough: a statement that waits for the row has
// an older @now than the one that wrote it.
const loginOverSQL = `(s.ends <= @now OR s.ends > @now + @twice)`

// countLoginsSQL adds tests to the windows of their logins, and logins to those of their keys. It returns the tests of each
// login, and the number of different logins of each key.
const countLoginsSQL = `
	WITH @totals, @pairs,
	total AS (
		INSERT INTO keyseat_logins AS s (login, code, ends, tests)
		SELECT login, '', @now + @window, tests FROM totals ORDER BY login COLLATE "C"
		ON CONFLICT (login, code) DO UPDATE SET
			ends = CASE WHEN ` + loginOverSQL + ` THEN excluded.ends ELSE s.ends END,
			tests = CASE WHEN ` + loginOverSQL + ` THEN 0 ELSE s.tests END + excluded.tests
		RETURNING s.login, s.tests),
	pair AS (
		INSERT INTO keyseat_logins AS s (login, code, ends, tests)
		SELECT login, code, @now + @day, 0 FROM pairs ORDER BY login COLLATE "C", code COLLATE "C"
		ON CONFLICT (login, code) DO UPDATE SET ends = excluded.ends)
	SELECT login, '', tests FROM total
	UNION ALL
	SELECT '', one.code, (SELECT count(*) FROM (
		SELECT l.login FROM keyseat_logins l WHERE l.code = one.code AND l.ends > @now
		UNION SELECT p.login FROM pairs p WHERE p.code = one.code) AS all_logins)
	FROM pairs one`

// CountLogins implements [tasks.LoginCounter]. On Postgres the counts are lost when the server crashes, and on SQLite when
// the process ends. All daemons write rows in the same order, so that they do not deadlock.
func (s *Store) CountLogins(ctx context.Context, tests []tasks.LoginTest) ([]tasks.LoginCounts, error) {
	counts := make([]tasks.LoginCounts, len(tests))
	if s.isSQLite {
		for i, t := range tests {
			counts[i].Tests, counts[i].Logins = s.logins.Count(t.Login, string(t.Code))
		}
		return counts, nil
	}
	totals, pairs := loginRows(tests)
	type row struct { // of a login, or of a key: the other one is ""
		Login string
		Code  keys.Code
		N     int64
	}
	logins, codes := map[string]int64{}, map[keys.Code]int64{}
	count := query.Query{
		SQL:  countLoginsSQL,
		Args: query.Args{"totals": totals, "pairs": pairs, "window": tasks.LoginTestTTL, "twice": 2 * tasks.LoginTestTTL, "day": tasks.KeyLoginTTL},
		Scan: query.Each(func(r row) { logins[r.Login], codes[r.Code] = r.N, r.N }),
	}
	if err := retry(ctx, func() error { return s.reader().runCached(ctx, count) }); err != nil {
		return nil, s.wrap("count logins", err)
	}
	for i := len(tests) - 1; i >= 0; i-- { // the last test of a login has its total
		t := tests[i]
		counts[i] = tasks.LoginCounts{Tests: int(logins[t.Login]), Logins: int(codes[t.Code])}
		logins[t.Login]--
	}
	return counts, nil
}

// loginRows returns the number of tests of each login, and the different pairs of a login and a key.
func loginRows(tests []tasks.LoginTest) (totals, pairs query.Rows) {
	totals, pairs = query.Rows{Columns: "login text, tests bigint"}, query.Rows{Columns: "login text, code text"}
	perLogin, known := map[string]int64{}, map[tasks.LoginTest]bool{}
	for _, t := range tests {
		perLogin[t.Login]++
		if pair := (tasks.LoginTest{Login: t.Login, Code: t.Code}); !known[pair] {
			known[pair] = true
			pairs.Add(t.Login, string(t.Code))
		}
	}
	for login, n := range perLogin {
		totals.Add(login, n)
	}
	return totals, pairs
}

// releaseLoginsSQL deletes the total of each login that succeeded, and its row with the key. It subtracts the other tests from
// the totals of their logins.
const releaseLoginsSQL = `
	WITH @released,
	held AS MATERIALIZED (
		SELECT s.login, s.code, r.succeeded, r.n
		FROM (
			SELECT login, '' AS code, bool_or(succeeded = 1) AS succeeded, count(*) AS n FROM released GROUP BY login
			UNION ALL
			SELECT login, code, true, 0 FROM released WHERE succeeded = 1 GROUP BY login, code) AS r
		JOIN keyseat_logins s ON s.login = r.login AND s.code = r.code
		ORDER BY s.code <> '', s.login COLLATE "C", s.code COLLATE "C" FOR UPDATE OF s),
	gone AS (
		DELETE FROM keyseat_logins s USING held h
		WHERE s.login = h.login AND s.code = h.code AND h.succeeded)
	UPDATE keyseat_logins s SET tests = greatest(0, s.tests - h.n)
	FROM held h
	WHERE s.login = h.login AND s.code = h.code AND NOT h.succeeded`

// ReleaseLogins implements [tasks.LoginCounter]. It locks the rows in the order of CountLogins, before it writes one.
func (s *Store) ReleaseLogins(ctx context.Context, tests []tasks.LoginTest) error {
	if s.isSQLite {
		for _, t := range tests {
			s.logins.Release(t.Login, string(t.Code), t.Succeeded)
		}
		return nil
	}
	released := query.Rows{Columns: "login text, code text, succeeded bigint"}
	for _, t := range tests {
		succeeded := int64(0)
		if t.Succeeded {
			succeeded = 1
		}
		released.Add(t.Login, string(t.Code), succeeded)
	}
	release := query.Query{SQL: releaseLoginsSQL, Args: query.Args{"released": released}}
	return s.wrap("release logins", retry(ctx, func() error { return s.reader().runCached(ctx, release) }))
}
