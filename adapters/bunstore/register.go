package bunstore

import (
	"context"
	"net/netip"
	"time"
)

// over is true of a minute that has ended, or that a clock has begun which has since gone back.
const over = `(s.ends <= @now OR s.ends > @now + @twice)`

// CountStrangers adds to the unknown keys that each block of addresses has named in its minute, and tells
// how many these are now and what is left of the minute. It is for Postgres: the file of SQLite has one
// daemon. What it keeps is lost when the server crashes.
//
// Rows are written in one order, so that daemons who count the same blocks do not wait for each other in
// a circle.
func (s *Store) CountStrangers(ctx context.Context, unknown map[netip.Prefix]int, tell func(block netip.Prefix, unknown int, left time.Duration)) error {
	guesses := batch{columns: "block text, unknown bigint"}
	for block, n := range unknown {
		guesses.add(block.String(), int64(n))
	}
	var told []func()
	err := s.reader().ask(ctx, question{
		`
		WITH @guesses
		INSERT INTO keyseat_strangers AS s (block, ends, unknown)
		SELECT block, @now + @minute, unknown FROM guesses ORDER BY block COLLATE "C"
		ON CONFLICT (block) DO UPDATE SET
			ends = CASE WHEN ` + over + ` THEN excluded.ends ELSE s.ends END,
			unknown = CASE WHEN ` + over + ` THEN 0 ELSE s.unknown END + excluded.unknown
		RETURNING s.block, s.unknown, CAST(1000000 * extract(epoch FROM least(s.ends - @now, @minute)) AS bigint)`,
		args{"guesses": guesses, "minute": time.Minute, "twice": 2 * time.Minute},
		func(r row) error {
			var block string
			var n, left int64
			err := r.scan([]field{text[string]{&block}, whole[int64]{&n}, whole[int64]{&left}})
			if err != nil {
				return err
			}
			prefix, _ := netip.ParsePrefix(block) // that of no address is written as such
			told = append(told, func() { tell(prefix, int(n), time.Duration(left)*time.Microsecond) })
			return nil
		},
	})
	if err != nil {
		return s.reader().tell("count strangers", err)
	}
	for _, tell := range told {
		tell()
	}
	return nil
}

// Attend notes that the daemon of that name is there for so long from now, and gives how many are. Like
// [Store.CountStrangers] it is for Postgres. Whoever attends sweeps out what is over, and runs again where
// two who could not skip each other's rows were in a circle.
func (s *Store) Attend(ctx context.Context, name string, ttl time.Duration) (daemons int, err error) {
	sign := question{
		`
		WITH swept AS (
			DELETE FROM keyseat_strangers WHERE block IN (
				SELECT s.block FROM keyseat_strangers s WHERE ` + over + ` ORDER BY s.block FOR UPDATE SKIP LOCKED)),
		gone AS (
			DELETE FROM keyseat_daemons WHERE name IN (
				SELECT d.name FROM keyseat_daemons d WHERE d.until <= @now AND d.name <> @name FOR UPDATE SKIP LOCKED)),
		here AS (
			INSERT INTO keyseat_daemons (name, until) VALUES (@name, @now + @ttl)
			ON CONFLICT (name) DO UPDATE SET until = excluded.until)
		SELECT 1 + count(*) FROM keyseat_daemons WHERE until > @now AND name <> @name`,
		args{"name": name, "ttl": ttl, "twice": 2 * time.Minute},
		func(r row) error {
			return r.scan([]field{whole[int]{&daemons}})
		},
	}
	err = repeat(ctx, func() error { return s.reader().ask(ctx, sign) })
	return daemons, s.reader().tell("attend", err)
}
