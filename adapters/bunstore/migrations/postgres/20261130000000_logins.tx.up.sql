-- The tests of logins, for the limits on them. A login is a keyed hash, whose key is destroyed with its master key. A row
-- with the code '' counts the tests of a login with any key. A row with a code means that the key tested the login. The
-- table is not written to the write-ahead log, like the counts of unknown keys. SQLite has no such table, because its
-- only daemon counts in its memory.
CREATE UNLOGGED TABLE keyseat_logins (
	login text COLLATE "C" NOT NULL,
	code  text COLLATE "C" NOT NULL,
	ends  timestamptz NOT NULL,
	tests bigint NOT NULL,
	PRIMARY KEY (login, code)
) WITH (fillfactor = 70); -- because the counts change all the time

CREATE INDEX keyseat_logins_code ON keyseat_logins (code);
CREATE INDEX keyseat_logins_ends ON keyseat_logins (ends);
