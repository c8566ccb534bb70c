-- The outbox.

-- name: subscribe
WITH @want
INSERT INTO keyseat_listeners (name, until) SELECT name, @now + @ttl FROM want WHERE true ORDER BY name
ON CONFLICT (name) DO UPDATE SET until = excluded.until

-- name: lock subscriber
SELECT l.name FROM keyseat_listeners l WHERE l.name = @listener FOR UPDATE OF l

-- name: lock subscriber sqlite
SELECT l.name FROM keyseat_listeners l WHERE l.name = @listener

-- name: forget low stock
WITH @low
DELETE FROM keyseat_mail WHERE listener = @listener AND code = '' AND country NOT IN (SELECT country FROM low)

-- name: low stock
WITH @low
INSERT INTO keyseat_mail AS m (m.*)
SELECT l.name, '', low.country, 0, 0, @mark, 0, @now, @now, '' FROM low CROSS JOIN keyseat_listeners l
WHERE l.name = @listener ORDER BY low.country
ON CONFLICT (listener, code, country) DO UPDATE SET newest = m.newest

-- name: fresh
SELECT h.seq, h.code, h.cause FROM keyseat_history h WHERE h.fresh ORDER BY h.seq LIMIT @n

-- name: lock fresh
SELECT h.seq, h.code, h.cause FROM keyseat_history h WHERE h.fresh ORDER BY h.seq LIMIT @n FOR UPDATE OF h

-- name: lock fresh sqlite
SELECT h.seq, h.code, h.cause FROM keyseat_history h WHERE h.fresh ORDER BY h.seq LIMIT @n

-- name: lock fresh distributed
SELECT h.seq, h.code, h.cause FROM keyseat_history h
WHERE h.fresh AND h.code = ANY (@codes) ORDER BY h.seq LIMIT @n

-- name: lock subscribers
SELECT l.name FROM keyseat_listeners l ORDER BY l.name FOR UPDATE OF l

-- name: lock subscribers sqlite
SELECT l.name FROM keyseat_listeners l ORDER BY l.name

-- name: mark routed
WITH @taken UPDATE keyseat_history SET fresh = false WHERE fresh AND seq IN (SELECT seq FROM taken)

-- name: mark routed distributed
UPDATE keyseat_history AS x SET fresh = false FROM @r
WHERE x.code = r.code AND x.seq = r.seq AND x.fresh AND x.code = ANY (@codes)

-- The statement queues history entries for all subscribers.
-- name: route
WITH @kept
INSERT INTO keyseat_mail AS m (m.*)
SELECT l.name, kept.code, '', min(kept.seq) - 1, 0, max(kept.seq), 0, @now, @now, ''
FROM kept CROSS JOIN keyseat_listeners l WHERE l.until > @now
GROUP BY l.name, kept.code ORDER BY l.name, kept.code
ON CONFLICT (listener, code, country) DO UPDATE SET
	newest = CASE WHEN m.newest > excluded.newest THEN m.newest ELSE excluded.newest END

-- For a replay of all keys, Store.Replay removes the condition "AND h.code = @code".
-- name: replay
WITH @causes
INSERT INTO keyseat_mail AS m (m.*)
SELECT l.name, h.code, '', min(h.seq) - 1, 0, max(h.seq), 0, @at, @at, ''
FROM keyseat_history h CROSS JOIN keyseat_listeners l
WHERE l.name = @listener AND h.code <> '' AND h.at >= @since AND h.seq > @after
	AND h.code = @code AND h.cause IN (SELECT cause FROM causes)
GROUP BY l.name, h.code ORDER BY l.name, h.code
ON CONFLICT (listener, code, country) DO UPDATE SET
	told = CASE WHEN m.told < excluded.told THEN m.told ELSE excluded.told END,
	newest = CASE WHEN m.newest > excluded.newest THEN m.newest ELSE excluded.newest END,
	part = 0, tries = 0, since = excluded.since, due = excluded.due, lease = '', leased_until = NULL

-- The statement returns a row if a queued delivery is due.
-- name: due deliveries
SELECT 1 FROM keyseat_mail m
WHERE m.listener = @listener AND m.newest > m.told AND coalesce(m.leased_until, m.due) <= @now
	AND EXISTS (SELECT 1 FROM keyseat_listeners l WHERE l.name = @listener AND l.gone_at IS NULL)
ORDER BY coalesce(m.leased_until, m.due) LIMIT 1

-- name: lease deliveries
WITH waiting (its_code, its_country, its_turn) AS MATERIALIZED (
	SELECT m.code, m.country, coalesce(m.leased_until, m.due) FROM keyseat_mail m
	WHERE m.listener = @listener AND m.newest > m.told AND coalesce(m.leased_until, m.due) <= @now
		AND EXISTS (SELECT 1 FROM keyseat_listeners l WHERE l.name = @listener AND l.gone_at IS NULL)
	ORDER BY coalesce(m.leased_until, m.due) LIMIT @n FOR UPDATE OF m SKIP LOCKED)
UPDATE keyseat_mail SET lease = @lease, leased_until = @now + @ttl FROM waiting
WHERE listener = @listener AND code = its_code AND country = its_country
RETURNING m.*, @now

-- name: lease deliveries sqlite
WITH waiting (its_code, its_country, its_turn) AS MATERIALIZED (
	SELECT m.code, m.country, coalesce(m.leased_until, m.due) FROM keyseat_mail m
	WHERE m.listener = @listener AND m.newest > m.told AND coalesce(m.leased_until, m.due) <= @now
		AND EXISTS (SELECT 1 FROM keyseat_listeners l WHERE l.name = @listener AND l.gone_at IS NULL)
	ORDER BY coalesce(m.leased_until, m.due) LIMIT @n)
UPDATE keyseat_mail SET lease = @lease, leased_until = @now + @ttl FROM waiting
WHERE listener = @listener AND code = its_code AND country = its_country
RETURNING m.*, @now

-- name: lease deliveries distributed
WITH waiting (its_code, its_country, its_turn) AS MATERIALIZED (
	SELECT m.code, m.country, coalesce(m.leased_until, m.due) FROM keyseat_mail m
	WHERE m.listener = @listener AND m.newest > m.told AND coalesce(m.leased_until, m.due) <= @now
		AND EXISTS (SELECT 1 FROM keyseat_listeners l WHERE l.name = @listener AND l.gone_at IS NULL)
	ORDER BY coalesce(m.leased_until, m.due) LIMIT @n FOR UPDATE OF m)
UPDATE keyseat_mail SET lease = @lease, leased_until = @now + @ttl FROM waiting
WHERE listener = @listener AND code = its_code AND country = its_country
RETURNING m.*, @now

-- name: complete delivery
WITH @m
UPDATE keyseat_mail AS x
SET told = m.told, part = m.part, tries = m.tries, since = m.since, due = m.due, lease = '', leased_until = NULL
FROM m WHERE x.listener = m.listener AND x.code = m.code AND x.country = m.country AND x.lease = m.lease

-- The statement deletes the queued delivery of a key whose events are all delivered.
-- name: delete delivery
WITH @m
DELETE FROM keyseat_mail WHERE code <> '' AND told >= newest
	AND listener = (SELECT m.listener FROM m) AND code = (SELECT m.code FROM m) AND country = ''
