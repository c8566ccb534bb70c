-- A line of history is fresh until it is routed to the subscribers (listeners). Without a subscriber no line is
-- fresh, and the index is empty.
ALTER TABLE keyseat_history ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;

CREATE INDEX keyseat_history_fresh ON keyseat_history (seq) WHERE fresh;

CREATE TABLE keyseat_listeners (
	name    TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
	until   INTEGER NOT NULL,
	gone_at INTEGER
) STRICT;

-- The queued deliveries of a subscriber (listener). For a key a row has the last delivered line of history (told)
-- and the last line to deliver (newest). For a country that is low in stock, newest is the mark of the delivery.
CREATE TABLE keyseat_mail (
	listener     TEXT    NOT NULL,
	code         TEXT    NOT NULL,
	country      TEXT    NOT NULL,
	told         INTEGER NOT NULL,
	part         INTEGER NOT NULL CHECK (part >= 0),
	newest       INTEGER NOT NULL,
	tries        INTEGER NOT NULL CHECK (tries >= 0),
	since        INTEGER NOT NULL,
	due          INTEGER NOT NULL,
	lease        TEXT    NOT NULL,
	leased_until INTEGER,
	PRIMARY KEY (listener, code, country),
	CONSTRAINT keyseat_mail_subject CHECK ((code = '') <> (country = '')),
	CONSTRAINT keyseat_mail_lease CHECK ((lease = '') = (leased_until IS NULL))
) STRICT;

CREATE INDEX keyseat_mail_due ON keyseat_mail (listener, coalesce(leased_until, due)) WHERE newest > told;

CREATE TABLE keyseat_deliveries (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT,
	at       INTEGER NOT NULL,
	listener TEXT    NOT NULL,
	event    TEXT    NOT NULL,
	type     TEXT    NOT NULL,
	code     TEXT    NOT NULL,
	country  TEXT    NOT NULL,
	line     INTEGER NOT NULL,
	try      INTEGER NOT NULL,
	result   TEXT    NOT NULL,
	status   INTEGER NOT NULL,
	took     INTEGER NOT NULL, -- nanoseconds
	note     TEXT    NOT NULL
) STRICT;

CREATE INDEX keyseat_deliveries_event ON keyseat_deliveries (event, seq);

CREATE INDEX keyseat_deliveries_at ON keyseat_deliveries (at);
