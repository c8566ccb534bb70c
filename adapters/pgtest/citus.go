package pgtest

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
)

// EnvCitus is the name of an environment variable. If it is set, [URL] uses a cluster of Citus. The value has the URL
// of the coordinator and the addresses HOST:PORT of the workers, with spaces between them. The user of the URL must be
// a superuser whom all nodes trust.
const EnvCitus = "KEYSEAT_TEST_CITUS"

// citusNodes returns the fields of [EnvCitus]. It reads the variable while tests run, because "go test" reuses a cached
// result if the variables read during the tests are unchanged.
func citusNodes() []string { return strings.Fields(os.Getenv(EnvCitus)) }

// CitusWorkers returns the number of workers of the cluster that [EnvCitus] names. Without a cluster it is 0.
func CitusWorkers() int { return max(0, len(citusNodes())-1) }

// IsCitus reports whether a database is on the coordinator that [EnvCitus] names.
func IsCitus(database string) bool {
	if CitusWorkers() == 0 {
		return false
	}
	u, err := url.Parse(database)
	coordinator, _ := url.Parse(citusNodes()[0]) // createOnCitus reports an invalid URL
	return err == nil && coordinator != nil && u.Host == coordinator.Host
}

// createOnCitus creates a database with the extension citus on every node, connects the nodes, and returns the URL of
// the coordinator's database. The databases are dropped when the test ends.
func createOnCitus(t testing.TB) string {
	t.Helper()
	nodes := citusNodes()
	coordinator, err := url.Parse(nodes[0])
	if err != nil || coordinator.Port() == "" {
		t.Fatalf("%s must begin with the URL of a coordinator, such as postgres://citus@127.0.0.1:9700/postgres", EnvCitus)
	}
	name := randomName()
	on := func(host string) string { // the URL of a node
		u := *coordinator
		u.Host = host
		return u.String()
	}
	connect := "citus_set_coordinator_host"
	for _, host := range append([]string{coordinator.Host}, nodes[1:]...) {
		node, err := url.Parse("//" + host)
		if err == nil {
			err = copyDatabase(t.Context(), on(host), emptyTemplate, name)
		}
		if err == nil {
			t.Cleanup(func() { dropDatabase(on(host), name) })
			err = execute(t.Context(), withDatabase(on(host), name), "CREATE EXTENSION citus")
		}
		if err == nil {
			err = execute(t.Context(), withDatabase(nodes[0], name), fmt.Sprintf("SELECT %s('%s', %s)", connect, node.Hostname(), node.Port()))
		}
		if err != nil {
			t.Fatalf("create a database on %s: %v", host, err)
		}
		connect = "citus_add_node"
	}
	return withDatabase(nodes[0], name)
}
