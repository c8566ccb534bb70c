-- The secret that makes the fingerprints of keys in logs and webhooks, as hexadecimal digits. The first daemon makes it.
CREATE TABLE keyseat_fingerprint (
	one    boolean PRIMARY KEY CHECK (one),
	secret text NOT NULL CHECK (length(secret) = 64)
);
