-- What daemons have to know of each other for a moment. None of it is written to the log: it costs no
-- flush to disk, and begins anew after a crash of the server. (A file of SQLite has one daemon.)

-- The unknown keys that a block of client addresses has named in its minute.
CREATE UNLOGGED TABLE keyseat_strangers (
	block   text COLLATE "C" PRIMARY KEY,
	ends    timestamptz NOT NULL,
	unknown bigint NOT NULL
) WITH (fillfactor = 70); -- because the counts change all the time

CREATE INDEX keyseat_strangers_ends ON keyseat_strangers (ends);

CREATE UNLOGGED TABLE keyseat_daemons (
	name  text COLLATE "C" PRIMARY KEY,
	until timestamptz NOT NULL
);
