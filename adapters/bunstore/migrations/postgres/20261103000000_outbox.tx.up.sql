-- A line of history is fresh until it is routed to the subscribers (listeners). Without a subscriber no line is
-- fresh, and the index is empty. A position in the history could not replace this flag, because lines become
-- visible in another order than that of their numbers. A reader would miss a line that becomes visible late.
ALTER TABLE keyseat_history ADD COLUMN fresh boolean NOT NULL DEFAULT false;
CREATE INDEX keyseat_history_fresh ON keyseat_history (seq) WHERE fresh;

CREATE TABLE keyseat_listeners (
	name    text COLLATE "C" PRIMARY KEY CHECK (name <> ''),
	until   timestamptz NOT NULL,
	gone_at timestamptz
);

-- The queued deliveries of a subscriber (listener). For a key a row has the last delivered line of history (told)
-- and the last line to deliver (newest). For a country that is low in stock, newest is the mark of the delivery.
CREATE TABLE keyseat_mail (
	listener     text COLLATE "C" NOT NULL,
	code         text COLLATE "C" NOT NULL,
	country      text COLLATE "C" NOT NULL,
	told         bigint NOT NULL,
	part         bigint NOT NULL CHECK (part >= 0),
	newest       bigint NOT NULL,
	tries        bigint NOT NULL CHECK (tries >= 0),
	since        timestamptz NOT NULL,
	due          timestamptz NOT NULL,
	lease        text NOT NULL,
	leased_until timestamptz,
	PRIMARY KEY (listener, code, country),
	CONSTRAINT keyseat_mail_subject CHECK ((code = '') <> (country = '')),
	CONSTRAINT keyseat_mail_lease CHECK ((lease = '') = (leased_until IS NULL))
);

CREATE INDEX keyseat_mail_due ON keyseat_mail (listener, (coalesce(leased_until, due))) WHERE newest > told;

CREATE TABLE keyseat_deliveries (
	seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at       timestamptz NOT NULL,
	listener text COLLATE "C" NOT NULL,
	event    text COLLATE "C" NOT NULL,
	type     text NOT NULL,
	code     text COLLATE "C" NOT NULL,
	country  text NOT NULL,
	line     bigint NOT NULL,
	try      bigint NOT NULL,
	result   text NOT NULL,
	status   bigint NOT NULL,
	took     bigint NOT NULL, -- nanoseconds
	note     text NOT NULL
);

CREATE INDEX keyseat_deliveries_event ON keyseat_deliveries (event, seq);
CREATE INDEX keyseat_deliveries_at ON keyseat_deliveries (at);
