-- The counts of a key are read by its code, so the code comes first in the primary key. The index on the code alone goes: it
-- made each row dearer, and the server sometimes chose it to find a total, although all totals have the code ''.
ALTER TABLE keyseat_logins DROP CONSTRAINT IF EXISTS keyseat_logins_pkey, ADD PRIMARY KEY (code, login);
DROP INDEX IF EXISTS keyseat_logins_code;
