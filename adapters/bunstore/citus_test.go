package bunstore_test

import (
	"crypto/rand"
	"database/sql"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// citusNodes are the servers that KEYSEAT_TEST_CITUS names: the URL of a coordinator, and the addresses HOST:PORT of its
// workers, divided by spaces. The tests create databases on each of them. The user of the URL must be a superuser
// there, whom the servers trust.
var citusNodes = strings.Fields(os.Getenv("KEYSEAT_TEST_CITUS"))

// distributedURL returns the URL of a database to open as a distributed store: a database of Citus with workers if
// [citusNodes] has some, otherwise the plain database.
func distributedURL(t testing.TB, plain func(testing.TB) string) string {
	t.Helper()
	if len(citusNodes) == 0 {
		return "distributed:" + plain(t)
	}
	return "distributed:" + citusDatabase(t)
}

// notOnCitus skips a test of a distributed store that needs a trigger, a view or the locks of one server.
func notOnCitus(t testing.TB, url string) {
	t.Helper()
	if _, distributed := form(url); distributed && len(citusNodes) > 0 {
		t.Skip("Citus has no triggers on distributed tables, and its locks are on the workers")
	}
}

// citusDatabase creates a database on each node, distributes its tables, and returns its URL.
func citusDatabase(t testing.TB) string {
	t.Helper()
	coordinator, err := url.Parse(citusNodes[0])
	if err != nil {
		t.Fatal("KEYSEAT_TEST_CITUS needs the URL of a coordinator and the addresses of workers")
	}
	name := "keyseat_" + strings.ToLower(rand.Text())
	hosts := append([]string{coordinator.Host}, citusNodes[1:]...)
	t.Cleanup(func() {
		for _, host := range hosts {
			onNode(t, coordinator, host, coordinator.Path, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		}
	})
	call := "citus_set_coordinator_host"
	for _, host := range hosts {
		onNode(t, coordinator, host, coordinator.Path, "CREATE DATABASE "+name)
		onNode(t, coordinator, host, name, "CREATE EXTENSION citus")
		address, port, err := net.SplitHostPort(host)
		if err != nil {
			t.Fatal(err)
		}
		onNode(t, coordinator, coordinator.Host, name, "SELECT "+call+"('"+address+"', "+port+")")
		call = "citus_add_node"
	}
	made := onNodeURL(coordinator, coordinator.Host, name)
	distribute(t, made)
	return made
}

// distribute creates the tables of a database and distributes them over the workers.
func distribute(t testing.TB, url string) {
	t.Helper()
	s := open(t, url, bunstore.Options{})
	if d, err := s.Distribute(t.Context(), 0); err != nil || d.Workers != len(citusNodes)-1 {
		t.Fatal(d, err)
	}
}

func onNodeURL(coordinator *url.URL, host, database string) string {
	u := *coordinator
	u.Host, u.Path = host, database
	return u.String()
}

// onNode runs a statement in a database of a node.
func onNode(t testing.TB, coordinator *url.URL, host, database, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", onNodeURL(coordinator, host, database))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statement); err != nil { //nolint:noctx // also after the test has ended
		t.Errorf("%s: %v", statement, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
