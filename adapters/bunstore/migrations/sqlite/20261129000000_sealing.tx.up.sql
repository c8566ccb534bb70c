-- The master key that the daemon of a file of master keys encrypts with, until a time at which it records it again.
CREATE TABLE keyseat_sealing (
	key_file TEXT PRIMARY KEY, -- the machine and the path
	key_id   TEXT NOT NULL,
	until    INTEGER NOT NULL
) STRICT;
