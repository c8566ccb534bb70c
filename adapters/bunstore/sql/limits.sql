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

-- It adds tests to the windows of their logins, and logins to those of their keys. It returns the tests of each login, and the
-- number of different logins of each key.
--
-- A window has also ended if it ends more than two windows from now: then the clock was set back after the window began. One
-- window is not enough: a statement that waits for the row has an older @now than the one that wrote it.
-- name: count logins
WITH @tests,
total AS (
	INSERT INTO keyseat_logins AS s (login, code, ends, tests)
	SELECT login, '', @now + @window, count(*) FROM tests GROUP BY login ORDER BY login COLLATE "C"
	ON CONFLICT (login, code) DO UPDATE SET
		ends = CASE WHEN s.ends <= @now OR s.ends > @now + @twice THEN excluded.ends ELSE s.ends END,
		tests = CASE WHEN s.ends <= @now OR s.ends > @now + @twice THEN 0 ELSE s.tests END + excluded.tests
	RETURNING s.login, s.tests),
pair AS (
	INSERT INTO keyseat_logins AS s (login, code, ends, tests)
	SELECT login, code, @now + @day, 0 FROM tests GROUP BY login, code ORDER BY login COLLATE "C", code COLLATE "C"
	ON CONFLICT (login, code) DO UPDATE SET ends = excluded.ends)
SELECT login, '', tests FROM total
UNION ALL
SELECT '', one.code, (SELECT count(*) FROM (
	SELECT l.login FROM keyseat_logins l WHERE l.code = one.code AND l.ends > @now
	UNION SELECT t.login FROM tests t WHERE t.code = one.code) AS all_logins)
FROM (SELECT DISTINCT code FROM tests) AS one

-- It deletes the total of each login that succeeded, and its row with the key. It subtracts the other tests from the totals of
-- their logins. It locks the rows in the order of the statement before, and then writes them.
-- name: release logins
WITH @released,
held AS MATERIALIZED (
	SELECT s.login, s.code, r.succeeded, r.n
	FROM (
		SELECT login, '' AS code, bool_or(succeeded) AS succeeded, count(*) AS n FROM released GROUP BY login
		UNION ALL
		SELECT login, code, true, 0 FROM released WHERE succeeded GROUP BY login, code) AS r
	JOIN keyseat_logins s ON s.login = r.login AND s.code = r.code
	ORDER BY s.code <> '', s.login COLLATE "C", s.code COLLATE "C" FOR UPDATE OF s),
gone AS (
	DELETE FROM keyseat_logins s USING held h
	WHERE s.login = h.login AND s.code = h.code AND h.succeeded)
UPDATE keyseat_logins s SET tests = greatest(0, s.tests - h.n)
FROM held h
WHERE s.login = h.login AND s.code = h.code AND NOT h.succeeded
