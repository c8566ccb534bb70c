package bunstore

import "database/sql"

// Pools returns the connection pools by name, for example for metrics. A Postgres store has "main"; an
// SQLite store that [Open] has opened has "read" and "write".
func (s *Store) Pools() map[string]*sql.DB {
	if s.read == s.write {
		return map[string]*sql.DB{"main": s.read.DB}
	}
	return map[string]*sql.DB{"read": s.read.DB, "write": s.write.DB}
}
