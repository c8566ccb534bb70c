-- Counts that the daemons on a PostgreSQL server share.

-- A window of one minute has also ended if it ends more than 2 minutes from now: then the clock was set back after the
-- window began. All daemons write rows in the same order, so that they do not deadlock.
-- name: count unknown keys
WITH @counts
INSERT INTO keyseat_strangers AS s (block, ends, unknown)
SELECT block, @now + @minute, unknown FROM counts ORDER BY block COLLATE "C"
ON CONFLICT (block) DO UPDATE SET
	ends = CASE WHEN s.ends <= @now OR s.ends > @now + @twice THEN excluded.ends ELSE s.ends END,
	unknown = CASE WHEN s.ends <= @now OR s.ends > @now + @twice THEN 0 ELSE s.unknown END + excluded.unknown
RETURNING s.block, s.unknown, CAST(1000000 * extract(epoch FROM least(s.ends - @now, @minute)) AS bigint)

-- name: heartbeat
WITH swept AS (
	DELETE FROM keyseat_strangers WHERE block IN (
		SELECT s.block FROM keyseat_strangers s WHERE s.ends <= @now OR s.ends > @now + @twice
		ORDER BY s.block FOR UPDATE OF s SKIP LOCKED)),
expired AS (
	DELETE FROM keyseat_logins WHERE (login, code) IN (
		SELECT l.login, l.code FROM keyseat_logins l WHERE l.ends <= @now
		ORDER BY l.login, l.code FOR UPDATE OF l SKIP LOCKED)),
gone AS (
	DELETE FROM keyseat_daemons WHERE name IN (
		SELECT d.name FROM keyseat_daemons d WHERE d.until <= @now AND d.name <> @name FOR UPDATE OF d SKIP LOCKED)),
here AS (
	INSERT INTO keyseat_daemons (name, until) VALUES (@name, @now + @ttl)
	ON CONFLICT (name) DO UPDATE SET until = excluded.until)
SELECT 1 + count(*) FROM keyseat_daemons WHERE until > @now AND name <> @name

-- name: heartbeat distributed
WITH swept AS (
	DELETE FROM keyseat_strangers WHERE block IN (
		SELECT s.block FROM keyseat_strangers s WHERE s.ends <= @now OR s.ends > @now + @twice
		ORDER BY s.block FOR UPDATE OF s)),
expired AS (
	DELETE FROM keyseat_logins WHERE (login, code) IN (
		SELECT l.login, l.code FROM keyseat_logins l WHERE l.ends <= @now
		ORDER BY l.login, l.code FOR UPDATE OF l)),
gone AS (
	DELETE FROM keyseat_daemons WHERE name IN (
		SELECT d.name FROM keyseat_daemons d WHERE d.until <= @now AND d.name <> @name FOR UPDATE OF d)),
here AS (
	INSERT INTO keyseat_daemons (name, until) VALUES (@name, @now + @ttl)
	ON CONFLICT (name) DO UPDATE SET until = excluded.until)
SELECT 1 + count(*) FROM keyseat_daemons WHERE until > @now AND name <> @name
