package pgtest

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Node is one machine of a [HACluster].
type Node struct {
	cluster    *HACluster
	address    string
	folder     string      // holds the files, data and logs of the machine
	supervisor *supervisor // nil: not running
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
		n.stop()
	})
	return n
}

// Start starts a machine, also after [Node.Kill]. [HACluster.WaitHealthy] waits until the machine is back.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	s, err := supervise(superviseNode, n.folder)
	if err != nil {
		t.Fatalf("start a machine: %v", err)
	}
	n.supervisor = s
}

// Kill ends all processes of the machine immediately, as a power cut does. Unlike in a power cut, all writes to its
// disk remain.
func (n *Node) Kill(t testing.TB) {
	t.Helper()
	pid, err := readPostmaster(n.data())
	if err == nil {
		err = errors.Join(killGroup(n.supervisor.cmd.Process.Pid), killServer(pid))
	}
	if err != nil {
		t.Fatalf("kill a machine: %v", err)
	}
	n.stop()
}

// stop stops the machine if it runs.
func (n *Node) stop() {
	if n.supervisor != nil {
		n.supervisor.stop("")
		n.supervisor = nil
	}
}

// logIfFailed logs the end of the log of Patroni if the test has failed.
func (n *Node) logIfFailed(t testing.TB) {
	if text, err := os.ReadFile(filepath.Join(n.folder, "patroni.log")); err == nil && t.Failed() {
		t.Logf("the log of a machine ends with\n%s", text[max(0, len(text)-4000):])
	}
}

func (n *Node) data() string { return filepath.Join(n.folder, "postgresql", "keyseat") }

// addressOf returns the address, as host:port, of the service that has that port in the configuration files.
func (n *Node) addressOf(port string) string { return n.address + ":" + n.cluster.substitute(port) }

// Host returns the address of the PostgreSQL server of the machine, as host:port.
func (n *Node) Host() string { return n.addressOf("5432") }

// admin returns the URL of the server with the administrator as its user.
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

// isHealthy reports whether an HTTP request for page to the address of port has the status 200 within a second.
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
