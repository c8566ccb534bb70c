// Package pgtest gives tests a PostgreSQL of their own.
//
// [URL] makes a fresh, empty database in a throw-away cluster that all tests of the binary share: it
// is started by the first call, listens on the loopback address only, and goes when the binary ends,
// however that ends. A test that wants to hurt its server starts its own with [Start],
// and with [StartHACluster] three that Patroni looks after.
//
//	test binary ──stdin──▶ keeper (a shell) ──▶ postgres
//	     │                    │
//	     ╳ exits or dies      └─ reads the end of its stdin: stops postgres, removes the folder
//
// The cluster that KEYSEAT_TEST_POSTGRES names (a URL whose user may create databases) is used
// instead where it is set. Where neither that nor the server's programs are found the test is
// skipped, unless CI or KEYSEAT_REQUIRE_POSTGRES is set: then it fails.
package pgtest
