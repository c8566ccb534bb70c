package bunstore

import "database/sql"

// Pools are the pools of connections, for those who watch them: "main", or SQLite's "read" and "write".
func (s *Store) Pools() map[string]*sql.DB {
	if s.read == s.write {
		return map[string]*sql.DB{"main": s.read.DB}
	}
	return map[string]*sql.DB{"read": s.read.DB, "write": s.write.DB}
}
