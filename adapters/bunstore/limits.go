package bunstore

import (
	"context"
	"net/netip"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// CountUnknownKeys adds counts of unknown keys, per block of addresses, to the current one-minute window of each block.
// A window starts with its first count. Then CountUnknownKeys calls report for each block, with the new total of
// unknown keys and the time that is left in the window. After an error it does not call report.
//
// CountUnknownKeys works on Postgres only, because one daemon alone can count in memory. A crash loses the counts.
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
		block, _ := netip.ParsePrefix(r.Block) // the text of an invalid prefix is invalid too: the error then comes with an invalid prefix
		report(block, int(r.Unknown), time.Duration(r.Left)*time.Microsecond)
	}
	return nil
}

// Heartbeat records a heartbeat of the daemon with this name, valid for ttl from now. It returns the number of
// daemons with a valid heartbeat, this one included. Like [Store.CountUnknownKeys] it works on Postgres only.
//
// Heartbeat also deletes expired heartbeats and the expired counts of CountUnknownKeys and CountLogins. In a
// distributed store two calls cannot skip each other's rows, so the two may deadlock. Then Heartbeat tries again.
func (s *Store) Heartbeat(ctx context.Context, name string, ttl time.Duration) (daemons int, err error) {
	beat := statement("heartbeat", query.Args{"name": name, "ttl": ttl, "twice": 2 * time.Minute}, query.Into(&daemons))
	err = retry(ctx, func() error { return s.reader().runCached(ctx, beat) })
	return daemons, s.wrap("heartbeat", err)
}

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
	rows := query.Rows{Columns: "login text, code text"}
	for _, t := range tests {
		rows.Add(t.Login, string(t.Code))
	}
	type row struct { // the count of a login, with Code "", or the count of a key, with Login ""
		Login string
		Code  keys.Code
		N     int64
	}
	logins, codes := map[string]int64{}, map[keys.Code]int64{}
	count := statement("count logins", query.Args{
		"tests": rows, "window": tasks.LoginTestTTL, "twice": 2 * tasks.LoginTestTTL, "day": tasks.KeyLoginTTL,
	}, query.Each(func(r row) { logins[r.Login], codes[r.Code] = r.N, r.N }))
	if err := retry(ctx, func() error { return s.reader().runCached(ctx, count) }); err != nil {
		return nil, s.wrap("count logins", err)
	}
	for i := len(tests) - 1; i >= 0; i-- { // backwards: the last test of a login gets the total, and each earlier test one less
		t := tests[i]
		counts[i] = tasks.LoginCounts{Tests: int(logins[t.Login]), Logins: int(codes[t.Code])}
		logins[t.Login]--
	}
	return counts, nil
}

// ReleaseLogins implements [tasks.LoginCounter].
func (s *Store) ReleaseLogins(ctx context.Context, tests []tasks.LoginTest) error {
	if s.isSQLite {
		for _, t := range tests {
			s.logins.Release(t.Login, string(t.Code), t.Succeeded)
		}
		return nil
	}
	released := query.Rows{Columns: "login text, code text, succeeded boolean"}
	for _, t := range tests {
		released.Add(t.Login, string(t.Code), t.Succeeded)
	}
	release := statement("release logins", query.Args{"released": released}, query.Discard)
	return s.wrap("release logins", retry(ctx, func() error { return s.reader().runCached(ctx, release) }))
}
