-- Texts compare by their bytes (the BINARY collation). Times are microseconds since 1970, in UTC.
-- A transaction that writes locks the whole database, so no other transaction changes a plan's counters.

CREATE TABLE keyseat_keys (
	code           TEXT    NOT NULL PRIMARY KEY CHECK (length(code) BETWEEN 1 AND 128),
	version        INTEGER NOT NULL CHECK (version > 0),
	status         TEXT    NOT NULL,
	used           INTEGER NOT NULL,
	revoked        INTEGER NOT NULL,
	message        TEXT    NOT NULL,
	username       TEXT    NOT NULL,
	verify_address TEXT    NOT NULL,
	invite         TEXT    NOT NULL,
	address        TEXT    NOT NULL,
	order_id       TEXT    NOT NULL,
	purchase_date  INTEGER,
	used_date      INTEGER,
	task_id        TEXT    NOT NULL,
	limit_at       INTEGER,
	batch_id       TEXT    NOT NULL,
	created_at     INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
	CONSTRAINT keyseat_keys_status CHECK (status IN ('active', 'in_queue')
		OR status IN ('success', 'failed') AND used
		OR status IN ('failed_upgrade', 'success_renew') AND NOT used)
) STRICT;

CREATE INDEX keyseat_keys_batch ON keyseat_keys (batch_id, code);

-- The imports of keys. A batch is imported once.
CREATE TABLE keyseat_batches (
	id         TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE keyseat_tasks (
	code         TEXT    NOT NULL,
	id           TEXT    NOT NULL CHECK (id <> ''),
	kind         TEXT    NOT NULL CHECK (kind IN ('upgrade', 'renew')),
	country      TEXT    NOT NULL,
	version      INTEGER NOT NULL CHECK (version > 0),
	fence        INTEGER NOT NULL CHECK (fence >= 0),
	plan_id      TEXT    NOT NULL,
	plan_address TEXT    NOT NULL,
	plan_invite  TEXT    NOT NULL,
	ordinal      INTEGER NOT NULL CHECK (ordinal >= 0),
	slot         TEXT    NOT NULL CHECK (slot IN ('', 'free', 'held', 'spent', 'suspect')),
	faulty       TEXT    NOT NULL, -- ids of plans, as a JSON array; '' for none
	asked        INTEGER NOT NULL CHECK (asked >= 0),
	tries        INTEGER NOT NULL CHECK (tries >= 0),
	lost         INTEGER NOT NULL CHECK (lost >= 0),
	doubt        INTEGER NOT NULL,
	first_asked  INTEGER,
	created_at   INTEGER NOT NULL,
	due          INTEGER NOT NULL,
	worker       TEXT,
	leased_until INTEGER,
	ended_at     INTEGER,
	outcome      TEXT    NOT NULL,
	sealed       BLOB,
	PRIMARY KEY (code, id),
	CONSTRAINT keyseat_tasks_sealed  CHECK ((ended_at IS NULL) = (sealed IS NOT NULL)),
	CONSTRAINT keyseat_tasks_outcome CHECK ((ended_at IS NULL) = (outcome = '')),
	CONSTRAINT keyseat_tasks_held    CHECK (slot <> 'held' OR ended_at IS NULL),
	CONSTRAINT keyseat_tasks_lease   CHECK ((worker IS NULL) = (leased_until IS NULL)
		AND (leased_until IS NULL OR ended_at IS NULL))
) STRICT;

CREATE UNIQUE INDEX keyseat_tasks_open ON keyseat_tasks (code) WHERE ended_at IS NULL;
CREATE INDEX keyseat_tasks_due ON keyseat_tasks (coalesce(leased_until, due)) WHERE ended_at IS NULL;
CREATE INDEX keyseat_tasks_id ON keyseat_tasks (id);
CREATE INDEX keyseat_tasks_created ON keyseat_tasks (created_at, id);
CREATE INDEX keyseat_tasks_suspect ON keyseat_tasks (created_at, id) WHERE slot = 'suspect';

CREATE TABLE keyseat_countries (
	code TEXT NOT NULL PRIMARY KEY CHECK (length(code) = 2)
) STRICT;

CREATE TABLE keyseat_plans (
	id         TEXT    NOT NULL UNIQUE CHECK (id <> ''),
	seq        INTEGER PRIMARY KEY AUTOINCREMENT,
	country    TEXT    NOT NULL REFERENCES keyseat_countries (code),
	address    TEXT    NOT NULL,
	invite     TEXT    NOT NULL,
	size       INTEGER NOT NULL,
	held       INTEGER NOT NULL CHECK (held >= 0),
	spent      INTEGER NOT NULL CHECK (spent >= 0),
	suspect    INTEGER NOT NULL CHECK (suspect >= 0),
	expires_at INTEGER,
	retired    INTEGER NOT NULL,
	fault      TEXT    NOT NULL CHECK (fault IN ('', 'expired', 'full', 'invalid')),
	CONSTRAINT keyseat_plans_count CHECK (held + spent + suspect <= size)
) STRICT;

CREATE INDEX keyseat_plans_live ON keyseat_plans (country, seq)
	WHERE NOT retired AND fault = '' AND held + spent + suspect < size;

CREATE TABLE keyseat_history (
	seq       INTEGER PRIMARY KEY AUTOINCREMENT,
	code      TEXT    NOT NULL,
	change_id TEXT    NOT NULL,
	n         INTEGER NOT NULL CHECK (n >= 0),
	at        INTEGER NOT NULL,
	cause     TEXT    NOT NULL,
	task_id   TEXT    NOT NULL,
	kind      TEXT    NOT NULL,
	outcome   TEXT    NOT NULL,
	plan_id   TEXT    NOT NULL,
	slot_from TEXT    NOT NULL,
	slot_to   TEXT    NOT NULL,
	note      TEXT    NOT NULL,
	UNIQUE (code, change_id, n)
) STRICT;
