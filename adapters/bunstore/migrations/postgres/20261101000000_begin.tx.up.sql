-- Codes, ids and countries compare by their bytes (COLLATE "C"), as they do in Go and in SQLite.
-- A transaction that changes a plan's counters holds a lock on the row of the plan's country.

CREATE TABLE keyseat_keys (
	code           text COLLATE "C" PRIMARY KEY CHECK (octet_length(code) BETWEEN 1 AND 128),
	version        bigint  NOT NULL CHECK (version > 0),
	status         text    NOT NULL,
	used           boolean NOT NULL,
	revoked        boolean NOT NULL,
	message        text    NOT NULL,
	username       text    NOT NULL,
	verify_address text    NOT NULL,
	invite         text    NOT NULL,
	address        text    NOT NULL,
	order_id       text    NOT NULL,
	purchase_date  timestamptz,
	used_date      timestamptz,
	task_id        text    NOT NULL,
	limit_at       timestamptz,
	batch_id       text COLLATE "C" NOT NULL,
	created_at     timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT keyseat_keys_status CHECK (status IN ('active', 'in_queue')
		OR status IN ('success', 'failed') AND used
		OR status IN ('failed_upgrade', 'success_renew') AND NOT used)
);

CREATE INDEX keyseat_keys_batch ON keyseat_keys (batch_id, code);

-- The imports of keys. A batch is imported once.
CREATE TABLE keyseat_batches (
	id         text COLLATE "C" PRIMARY KEY CHECK (id <> ''),
	created_at timestamptz NOT NULL
);

CREATE TABLE keyseat_tasks (
	code         text COLLATE "C" NOT NULL,
	id           text COLLATE "C" NOT NULL CHECK (id <> ''),
	kind         text    NOT NULL CHECK (kind IN ('upgrade', 'renew')),
	country      text    NOT NULL,
	version      bigint  NOT NULL CHECK (version > 0),
	fence        bigint  NOT NULL CHECK (fence >= 0),
	plan_id      text    NOT NULL,
	plan_address text    NOT NULL,
	plan_invite  text    NOT NULL,
	ordinal      bigint  NOT NULL CHECK (ordinal >= 0),
	slot         text    NOT NULL CHECK (slot IN ('', 'free', 'held', 'spent', 'suspect')),
	faulty       text    NOT NULL, -- ids of plans, as a JSON array; '' for none
	asked        bigint  NOT NULL CHECK (asked >= 0),
	tries        bigint  NOT NULL CHECK (tries >= 0),
	lost         bigint  NOT NULL CHECK (lost >= 0),
	doubt        boolean NOT NULL,
	first_asked  timestamptz,
	created_at   timestamptz NOT NULL,
	due          timestamptz NOT NULL,
	worker       text,
	leased_until timestamptz,
	ended_at     timestamptz,
	outcome      text    NOT NULL,
	sealed       bytea,
	PRIMARY KEY (code, id),
	CONSTRAINT keyseat_tasks_sealed  CHECK ((ended_at IS NULL) = (sealed IS NOT NULL)),
	CONSTRAINT keyseat_tasks_outcome CHECK ((ended_at IS NULL) = (outcome = '')),
	CONSTRAINT keyseat_tasks_held    CHECK (slot <> 'held' OR ended_at IS NULL),
	CONSTRAINT keyseat_tasks_lease   CHECK ((worker IS NULL) = (leased_until IS NULL)
		AND (leased_until IS NULL OR ended_at IS NULL))
);

CREATE UNIQUE INDEX keyseat_tasks_open ON keyseat_tasks (code) WHERE ended_at IS NULL;
CREATE INDEX keyseat_tasks_due ON keyseat_tasks ((coalesce(leased_until, due))) WHERE ended_at IS NULL;
CREATE INDEX keyseat_tasks_id ON keyseat_tasks (id);
CREATE INDEX keyseat_tasks_created ON keyseat_tasks (created_at, id);
CREATE INDEX keyseat_tasks_suspect ON keyseat_tasks (created_at, id) WHERE slot = 'suspect';

CREATE TABLE keyseat_countries (
	code text COLLATE "C" PRIMARY KEY CHECK (length(code) = 2)
);

CREATE TABLE keyseat_plans (
	id         text COLLATE "C" PRIMARY KEY CHECK (id <> ''),
	seq        bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
	country    text COLLATE "C" NOT NULL REFERENCES keyseat_countries (code),
	address    text    NOT NULL,
	invite     text    NOT NULL,
	size       bigint  NOT NULL,
	held       bigint  NOT NULL CHECK (held >= 0),
	spent      bigint  NOT NULL CHECK (spent >= 0),
	suspect    bigint  NOT NULL CHECK (suspect >= 0),
	expires_at timestamptz,
	retired    boolean NOT NULL,
	fault      text    NOT NULL CHECK (fault IN ('', 'expired', 'full', 'invalid')),
	CONSTRAINT keyseat_plans_count CHECK (held + spent + suspect <= size)
) WITH (fillfactor = 70); -- because the counters of a few rows change all the time

CREATE INDEX keyseat_plans_live ON keyseat_plans (country, seq)
	WHERE NOT retired AND fault = '' AND held + spent + suspect < size;

CREATE TABLE keyseat_history (
	seq       bigint GENERATED ALWAYS AS IDENTITY,
	code      text COLLATE "C" NOT NULL,
	change_id text COLLATE "C" NOT NULL,
	n         bigint NOT NULL CHECK (n >= 0),
	at        timestamptz NOT NULL,
	cause     text NOT NULL,
	task_id   text NOT NULL,
	kind      text NOT NULL,
	outcome   text NOT NULL,
	plan_id   text NOT NULL,
	slot_from text NOT NULL,
	slot_to   text NOT NULL,
	note      text NOT NULL,
	PRIMARY KEY (code, change_id, n)
);
