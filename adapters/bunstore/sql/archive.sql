-- Archive.

-- The statement locks the keys that no other transaction has locked.
-- name: lock archivable
WITH @want
SELECT k.code FROM keyseat_keys k WHERE k.code IN (SELECT code FROM want) ORDER BY k.code FOR UPDATE OF k SKIP LOCKED

-- name: lock archivable sqlite
WITH @want
SELECT k.code FROM keyseat_keys k WHERE k.code IN (SELECT code FROM want) ORDER BY k.code

-- The statement returns the keys that can be archived.
-- name: check archivable
WITH @free
SELECT free.code FROM free
WHERE (SELECT count(*) FROM keyseat_history h WHERE h.code = free.code) = free.entries
	AND NOT EXISTS (SELECT 1 FROM keyseat_history h WHERE h.code = free.code AND h.fresh)
	AND NOT EXISTS (
		SELECT 1 FROM keyseat_listeners l JOIN keyseat_mail m ON m.listener = l.name
		WHERE m.code = free.code AND m.country = '' AND m.newest > m.told)

-- name: delete tasks
WITH @gone
DELETE FROM keyseat_tasks WHERE (code, id) IN (SELECT code, id FROM gone) RETURNING keyseat_tasks.*

-- name: delete tasks distributed
DELETE FROM keyseat_tasks AS t USING @r WHERE t.code = r.code AND t.id = r.id AND t.code = ANY (@codes) RETURNING t.*

-- name: delete history
WITH @cut
DELETE FROM keyseat_history WHERE code IN (SELECT code FROM cut) RETURNING seq, h.*

-- name: delete history distributed
DELETE FROM keyseat_history WHERE code = ANY (@codes) RETURNING seq, h.*
