package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A HACluster is a highly available PostgreSQL cluster of three simulated machines. Each machine is a group of
// processes with its own address of the loopback network. It runs etcd, Patroni, and the PostgreSQL server that Patroni
// manages. One of the servers is the primary. Only one goroutine at a time may use a HACluster.
type HACluster struct {
	nodes         [3]*Node
	config        string   // the folder of the configuration files
	folder        string   // holds the folders of the machines
	substitutions []string // texts in the configuration files, each followed by its replacement
}

// StartHACluster sets up three machines as an operator would, from the files in the folder config. The files are
// create.sql, and patroni.yml, patroni.env and etcd.env for the addresses 10.0.0.1 to 10.0.0.3.
//
// StartHACluster returns when all machines are healthy and have the database. They are removed when the test ends.
func StartHACluster(t testing.TB, config string) *HACluster {
	t.Helper()
	bin := requireHA(t)
	folder, err := os.MkdirTemp("", "keyseat-ha-") //nolint:usetesting // other users cannot read t.TempDir()
	if err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(folder) }) // the operating system cleans its temporary folder anyway
		err = chownToServer(folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &HACluster{config: config, folder: folder, substitutions: newSubstitutions(t, bin)}
	for i, name := range []string{"one", "two", "three"} {
		c.nodes[i] = c.newNode(t, name, c.substitute(fmt.Sprintf("10.0.0.%d", i+1)))
		c.nodes[i].Start(t)
	}
	c.WaitHealthy(t)
	c.create(t)
	return c
}

// create runs create.sql, which creates the role and the database, and waits until every server has them.
func (c *HACluster) create(t testing.TB) {
	t.Helper()
	primary := c.Primary(t)
	for statement := range strings.SplitSeq(strings.TrimSpace(c.File(t, "create.sql")), ";\n") {
		if err := execute(t.Context(), primary.admin(), statement); err != nil {
			t.Fatalf("create.sql: %v", err)
		}
	}
	waitFor(t, "standbys with the database", 3*startTimeout, 50*time.Millisecond, func() bool {
		return primary.queryBool(t.Context(), "SELECT count(*) = 2 FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()")
	})
}

// requireHA returns the folder of PostgreSQL's programs. If PostgreSQL, Patroni or etcd is missing, it skips the test,
// or fails it if programs are [Required].
func requireHA(t testing.TB) string {
	t.Helper()
	bin, err := findBinaries()
	requirePostgres(t, err)
	for _, program := range []string{"patroni", "etcd"} {
		// The test needs several loopback addresses, which only Linux has. So CI installs the programs only on Linux.
		if _, err := exec.LookPath(program); err != nil && runtime.GOOS != "linux" {
			t.Skip("SKIPPED, NOTHING WAS TESTED: " + program + " needs Linux here")
		}
		LookPath(t, program)
	}
	return bin
}

// newSubstitutions returns the replacements for the network, the ports and the program folder in the configuration
// files. The replacements are a random loopback network and free ports.
func newSubstitutions(t testing.TB, bin string) []string {
	t.Helper()
	all := []string{
		"10.0.0.", fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), rand.IntN(256)),
		"/usr/lib/postgresql/15/bin", bin,
	}
	for _, port := range []string{"5432", "8008", "2379", "2380"} {
		free, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, port, strconv.Itoa(free))
	}
	return all
}

// File returns the text of a configuration file, with the addresses, ports and folders of the simulated machines.
func (c *HACluster) File(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.config, name))
	if err != nil {
		t.Fatal(err)
	}
	return c.substitute(string(text))
}

// substitute replaces the addresses, ports and folders in a configuration by those of the simulated machines.
func (c *HACluster) substitute(text string) string {
	return strings.NewReplacer(c.substitutions...).Replace(text)
}

// Primary waits until one of the machines accepts writes, and returns that machine.
func (c *HACluster) Primary(t testing.TB) *Node {
	t.Helper()
	return c.waitForNode(t, "a primary", "SELECT NOT pg_is_in_recovery()")
}

// WaitCommit waits until the primary confirms a commit. After a failover, this takes longer than [HACluster.Primary],
// because commits wait until Patroni has made another standby synchronous.
func (c *HACluster) WaitCommit(t testing.TB) {
	t.Helper()
	// This query writes to the write-ahead log, and to no table.
	c.waitForNode(t, "a confirmed commit", "SELECT pg_logical_emit_message(true, 'keyseat', '') IS NOT NULL")
}

// redundantSQL is true on a primary whose commits wait for one of two connected standbys.
const redundantSQL = `SELECT NOT pg_is_in_recovery() AND count(*) = 2 AND count(*) FILTER (WHERE sync_state = 'sync') = 1
	FROM pg_stat_replication WHERE state = 'streaming' AND application_name IN ('one', 'two', 'three')`

// WaitHealthy waits until the cluster can lose any machine. Then it has a primary with two standbys, Patroni can
// promote one of the standbys, and every etcd is healthy.
func (c *HACluster) WaitHealthy(t testing.TB) {
	t.Helper()
	waitFor(t, "three healthy machines", 3*startTimeout, 200*time.Millisecond, func() bool {
		successors, primaries := 0, 0
		for _, n := range c.nodes {
			if !n.isHealthy(t.Context(), "2379", "/health") {
				return false
			}
			if n.isHealthy(t.Context(), "8008", "/synchronous") {
				successors++
			}
			if n.queryBool(t.Context(), redundantSQL) {
				primaries++
			}
		}
		return successors == 1 && primaries == 1
	})
}

// waitForNode waits until a query is true on one of the machines, and returns that machine.
func (c *HACluster) waitForNode(t testing.TB, what, sql string) *Node {
	t.Helper()
	found := -1
	waitFor(t, what, 3*startTimeout, 50*time.Millisecond, func() bool {
		found = slices.IndexFunc(c.nodes[:], func(n *Node) bool { return n.queryBool(t.Context(), sql) })
		return found >= 0
	})
	return c.nodes[found]
}

// A Node is one machine of a [HACluster].
type Node struct {
	cluster    *HACluster
	address    string
	folder     string      // holds the files, data and logs of the machine
	supervisor *supervisor // nil: the machine was never started
}

// newNode creates the folders and files of a machine. It does not start the machine.
func (c *HACluster) newNode(t testing.TB, name, address string) *Node {
	t.Helper()
	n := &Node{cluster: c, address: address, folder: filepath.Join(c.folder, name)}
	var err error
	for _, folder := range []string{"", "etcd", "postgresql"} {
		folder = filepath.Join(n.folder, folder)
		err = errors.Join(err, os.Mkdir(folder, 0o700), chownToServer(folder))
	}
	for _, file := range []string{"patroni.yml", "patroni.env", "etcd.env"} {
		text := strings.NewReplacer("@NAME@", name, "@ADDRESS@", address, "/var/lib", n.folder).Replace(c.File(t, file))
		err = errors.Join(err, os.WriteFile(filepath.Join(n.folder, file), []byte(text), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.logIfFailed(t)
		n.supervisor.stop("")
	})
	return n
}

// Start starts a machine, also again after [Node.Kill]. It does not wait until the machine is healthy.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	s, err := supervise(superviseNode, n.folder)
	if err != nil {
		t.Fatalf("start a machine: %v", err)
	}
	n.supervisor = s
}

// Kill kills all processes of the machine, as a power cut does. Unlike in a power cut, no write to the disk is lost.
func (n *Node) Kill(t testing.TB) {
	t.Helper()
	pid, err := readPostmaster(n.data())
	if err == nil {
		err = errors.Join(killGroup(n.supervisor.cmd.Process.Pid), killServer(pid))
	}
	if err != nil {
		t.Fatalf("kill a machine: %v", err)
	}
	n.supervisor.stop("")
}

// logIfFailed prints the end of Patroni's log if the test has failed.
func (n *Node) logIfFailed(t testing.TB) {
	if text, err := os.ReadFile(filepath.Join(n.folder, "patroni.log")); err == nil && t.Failed() {
		t.Logf("the log of a machine ends with\n%s", text[max(0, len(text)-4000):])
	}
}

func (n *Node) data() string { return filepath.Join(n.folder, "postgresql", "keyseat") }

// addressOf returns the address, as host:port, of one of the services of the machine. The parameter is the port that
// the configuration files give to the service, before [HACluster.substitute].
func (n *Node) addressOf(port string) string { return n.address + ":" + n.cluster.substitute(port) }

// Host returns the address of the PostgreSQL server of the machine, as host:port.
func (n *Node) Host() string { return n.addressOf("5432") }

// admin returns the URL of the machine's PostgreSQL server, with the administrator as the user.
func (n *Node) admin() string {
	return "postgres://postgres:SUPERUSER-PASSWORD@" + n.Host() + "/postgres"
}

// queryBool runs a query that returns a bool. It returns false if the query fails or takes longer than a second.
func (n *Node) queryBool(ctx context.Context, sql string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	value, err := queryBool(ctx, n.admin(), sql)
	return value && err == nil
}

// isHealthy reports whether an HTTP service of the machine answers a request for a page with status 200 within a
// second. The port is that of the service in the configuration files.
func (n *Node) isHealthy(ctx context.Context, port, page string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.addressOf(port)+page, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}
