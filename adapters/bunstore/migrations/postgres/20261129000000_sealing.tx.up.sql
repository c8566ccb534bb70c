-- The master key that the daemons of a file of master keys encrypt with, until a time at which they record it again.
-- It is logged, unlike the heartbeats: after a crash of the server, a key in use must still be kept.
CREATE TABLE keyseat_sealing (
	key_file text COLLATE "C" PRIMARY KEY, -- the machine and the path
	key_id   text NOT NULL,
	until    timestamptz NOT NULL
);
