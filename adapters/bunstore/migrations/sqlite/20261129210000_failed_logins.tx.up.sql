-- The tasks since a key's last success that the provider ended because of their account's login.
ALTER TABLE keyseat_keys ADD COLUMN failed_logins INTEGER NOT NULL DEFAULT 0 CHECK (failed_logins >= 0);
