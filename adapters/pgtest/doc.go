// Package pgtest starts PostgreSQL servers for tests.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestStore(t *testing.T) { store, err := bunstore.Open(t.Context(), pgtest.URL(t), …) }
//
// [URL] creates an empty database in a temporary cluster, which all tests of the binary share. The first call
// starts the cluster. The cluster listens on the loopback address only. It is removed when the test binary ends,
// also when the binary is killed.
//
// A test that kills or reconfigures its server starts its own one with [Start]. [StartHACluster] starts three
// servers that Patroni manages.
//
//	test binary ──stdin──▶ supervisor (a shell) ──▶ postgres
//	     │                      │
//	     ╳ exits or dies        └─ reads the end of its stdin: stops postgres, removes the folder
//
// If KEYSEAT_TEST_POSTGRES is set, [URL] uses the cluster of that URL instead. The user in the URL must be able to
// create databases. If the variable is not set and PostgreSQL is not installed, the test is skipped. The test fails
// instead if CI is true or KEYSEAT_REQUIRE_POSTGRES is set.
package pgtest
