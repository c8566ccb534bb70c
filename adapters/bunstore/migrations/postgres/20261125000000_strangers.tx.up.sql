-- Short-lived data that daemons share. The tables are not written to the write-ahead log. Therefore a write needs no
-- flush to disk, and the tables are empty after a crash of the server. SQLite has no such tables, because a file has
-- only one daemon.

-- The number of unknown keys that each block of client addresses has sent in its current minute.
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
