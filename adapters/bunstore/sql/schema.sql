-- The schema and the role.

-- The tables of the current schema, without tables of extensions.
-- name: tables
SELECT CAST(c.relname AS text) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = current_schema()
	AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname

-- name: tables sqlite
SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name

-- The columns of all tables, as table.column.
-- name: columns
SELECT CAST(c.relname AS text) || '.' || CAST(a.attname AS text)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND n.nspname = current_schema() AND NOT a.attisdropped

-- name: columns sqlite
SELECT s.name || '.' || t.name FROM sqlite_schema s JOIN pragma_table_info(s.name) t WHERE s.type = 'table'

-- name: role
SELECT quote_ident(current_user), coalesce(quote_ident(current_schema()), ''),
	coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_setting('transaction_read_only') = 'on'

-- The names of the applied migrations.
-- name: migrations
SELECT name FROM keyseat_migrations ORDER BY name

-- name: location
SELECT 'schema ' || quote_ident(current_schema()) || ' of database ' || quote_ident(current_database())
