-- The secret that makes the fingerprints of keys in logs and webhooks, as hexadecimal digits. The first daemon makes it.
CREATE TABLE keyseat_fingerprint (
	one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
	secret TEXT    NOT NULL CHECK (length(secret) = 64)
) STRICT;
