package pgtest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Node is one machine of a [HACluster].
type Node struct {
	trio    *HACluster
	address string
	folder  string // holds the files, data and logs of the machine
	keeper  *exec.Cmd
	leash   io.WriteCloser // the keeper's stdin
}

// furnish creates the folders and files of a machine. It does not start the machine.
func (r *HACluster) furnish(t testing.TB, name, address string) *Node {
	t.Helper()
	m := &Node{trio: r, address: address, folder: filepath.Join(r.folder, name)}
	var err error
	for _, folder := range []string{"", "etcd", "postgresql"} {
		folder = filepath.Join(m.folder, folder)
		err = errors.Join(err, os.Mkdir(folder, 0o700), own(folder))
	}
	for _, file := range []string{"patroni.yml", "patroni.env", "etcd.env"} {
		text := strings.NewReplacer("@NAME@", name, "@ADDRESS@", address, "/var/lib", m.folder).Replace(r.File(t, file))
		err = errors.Join(err, os.WriteFile(filepath.Join(m.folder, file), []byte(text), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.leave(t) })
	return m
}

// machineKeeper is a shell script that starts etcd and Patroni on a machine. When the script's own stdin ends, it
// ends all processes of the machine and removes the machine's folder. That happens also if the test process dies.
const machineKeeper = `
trap '' INT HUP
cd "$1"
(set -a; . ./etcd.env; exec etcd) >>etcd.log 2>&1 &
etcd=$!
(set -a; . ./patroni.env; exec patroni patroni.yml) >>patroni.log 2>&1 &
patroni=$!
read -r _
trap '' TERM
kill -KILL $patroni $etcd
kill -TERM 0 # what Patroni has started, which may be copying a server
wait
pid=$(head -n 1 postgresql/keyseat/postmaster.pid)
serves() { [ "$(ps -o comm= -p "$pid")" = postgres ]; } # and not what has got a dead server's id
serves && kill -QUIT "$pid"
while serves; do sleep 0.1; done
until rm -rf "$1"; do sleep 0.1; done
rmdir "${1%/*}" # by the last of them
`

// Start starts a machine, also after [Node.Kill]. [HACluster.WaitHealthy] waits until the machine is back.
func (m *Node) Start(t testing.TB) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", machineKeeper, "keeper", m.folder) //nolint:noctx // the keeper lives as long as its stdin
	cmd.Dir, cmd.SysProcAttr = os.TempDir(), unprivileged()
	leash, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start a machine: %v", err)
	}
	m.keeper, m.leash = cmd, leash
}

// Kill ends all processes of the machine immediately, as a power cut does. Unlike in a power cut, all writes to its
// disk remain.
func (m *Node) Kill(t testing.TB) {
	t.Helper()
	pid, err := postmaster(m.data())
	if err == nil {
		err = errors.Join(killGroup(m.keeper.Process.Pid), killServer(pid))
	}
	if err != nil {
		t.Fatalf("kill a machine: %v", err)
	}
	m.off()
}

// leave stops the machine at the end of the test. If the test has failed, it logs the end of the log of Patroni.
func (m *Node) leave(t testing.TB) {
	if text, err := os.ReadFile(filepath.Join(m.folder, "patroni.log")); err == nil && t.Failed() {
		t.Logf("the log of a machine ends with\n%s", text[max(0, len(text)-4000):])
	}
	if m.keeper != nil {
		m.off()
	}
}

func (m *Node) off() {
	_ = m.leash.Close()
	_ = m.keeper.Wait() // its status has no meaning after a kill
	m.keeper = nil
}

func (m *Node) data() string { return filepath.Join(m.folder, "postgresql", "keyseat") }

// at returns the address, as host:port, of the service that has that port in the configuration files.
func (m *Node) at(port string) string { return m.address + ":" + m.trio.here(port) }

// Host returns the address of the PostgreSQL server of the machine, as host:port.
func (m *Node) Host() string { return m.at("5432") }

// admin returns the URL of the server with the administrator as its user.
func (m *Node) admin() string {
	return "postgres://postgres:SUPERUSER-PASSWORD@" + m.Host() + "/postgres"
}

// says runs a query that returns a bool. It returns false if the query fails or takes longer than a second.
func (m *Node) says(ctx context.Context, sql string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	yes, err := asked(ctx, m.admin(), sql)
	return yes && err == nil
}

// answers reports whether an HTTP request for page to the address of port has the status 200 within a second.
func (m *Node) answers(ctx context.Context, port, page string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.at(port)+page, nil)
	if err != nil {
		return false
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return a.Body.Close() == nil && a.StatusCode == http.StatusOK
}
