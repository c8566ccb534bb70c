-- The actions of operators, as in the audit log. A key is identified by its fingerprint.
CREATE TABLE keyseat_activity (
	id       TEXT NOT NULL PRIMARY KEY,
	at       INTEGER NOT NULL,
	actor    TEXT NOT NULL,
	address  TEXT NOT NULL, -- of the client
	action   TEXT NOT NULL,
	key_id   TEXT NOT NULL, -- the fingerprint
	task_id  TEXT NOT NULL,
	plan_id  TEXT NOT NULL,
	order_id TEXT NOT NULL,
	count    INTEGER NOT NULL,
	error    TEXT NOT NULL
) STRICT;
CREATE INDEX keyseat_activity_at ON keyseat_activity (at, id);
CREATE INDEX keyseat_activity_actor ON keyseat_activity (actor, at, id);
CREATE INDEX keyseat_activity_action ON keyseat_activity (action, at, id);
CREATE INDEX keyseat_activity_key ON keyseat_activity (key_id, at, id) WHERE key_id <> '';
CREATE INDEX keyseat_activity_task ON keyseat_activity (task_id, at, id) WHERE task_id <> '';
CREATE INDEX keyseat_activity_plan ON keyseat_activity (plan_id, at, id) WHERE plan_id <> '';
CREATE INDEX keyseat_activity_order ON keyseat_activity (order_id, at, id) WHERE order_id <> '';
