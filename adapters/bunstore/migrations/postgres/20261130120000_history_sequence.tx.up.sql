-- Numbers of history entries from a sequence instead of an identity column, because Citus changes the number of shards
-- only of tables without identity columns. The numbers go on where the identity column was. A table that is distributed
-- already keeps its column, because Citus refuses to change it.
DO $$ BEGIN
	IF to_regclass('pg_dist_partition') IS NOT NULL THEN
		IF EXISTS (SELECT 1 FROM pg_dist_partition p WHERE p.logicalrelid = 'keyseat_history'::regclass) THEN
			RETURN;
		END IF;
	END IF;
	-- No daemon may take a number of the identity column after the sequence has started.
	LOCK TABLE keyseat_history IN ACCESS EXCLUSIVE MODE;
	CREATE SEQUENCE IF NOT EXISTS keyseat_history_numbers;
	PERFORM setval('keyseat_history_numbers', nextval(pg_get_serial_sequence('keyseat_history', 'seq')), false);
	ALTER TABLE keyseat_history ALTER COLUMN seq DROP IDENTITY IF EXISTS;
	ALTER TABLE keyseat_history ALTER COLUMN seq SET DEFAULT nextval('keyseat_history_numbers');
	ALTER SEQUENCE keyseat_history_numbers OWNED BY keyseat_history.seq;
	-- A role that may insert history entries needs no privilege of its own for their numbers.
	GRANT USAGE ON SEQUENCE keyseat_history_numbers TO PUBLIC;
END $$;
