package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Options are the settings of a cluster. The zero Options make a fast cluster. Such a cluster keeps its data if its
// processes are killed, but can lose data in a power cut.
type Options struct {
	Durable bool     // turns fsync on, so that the data survives a power cut
	Config  []string // further settings of the server, as "name=value"
	Data    string   // the data folder, which must be empty or missing, and is removed with the cluster; "": a temporary one
}

// A Cluster is a PostgreSQL server with its own data folder. Only one goroutine at a time may use it.
type Cluster struct {
	options    Options
	bin        string
	folder     string // holds the data and the log
	port       int
	supervisor *supervisor // nil: the cluster was never started
}

// Start creates and starts a cluster. When the test ends, the cluster is stopped and removed.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := newCluster(o, (*Cluster).initCluster)
	requirePostgres(t, err)
	t.Cleanup(c.remove)
	return c
}

// Launch creates and starts a cluster for a program that is not a test, such as a benchmark. The URL admin has the
// cluster's administrator as the user, so that the program can create databases. The cluster is removed when the
// program calls stop, or when the program ends. If the program is killed, the folder of [Options.Data] stays.
func Launch(o Options) (admin string, stop func(), err error) {
	c, err := newCluster(o, (*Cluster).initCluster)
	if err != nil {
		return "", nil, err
	}
	return c.admin(), c.remove, nil
}

// newCluster creates a cluster, calls fill to fill its data folder, and starts it.
func newCluster(o Options, fill func(*Cluster) error) (*Cluster, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "keyseat-postgres-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, bin: bin, folder: folder}
	if c.port, err = freePort(); err == nil {
		err = c.create(fill)
	}
	if err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) create(fill func(*Cluster) error) error {
	err := errors.Join(chownToServer(c.folder), os.MkdirAll(c.data(), 0o700), chownToServer(c.data()), fill(c))
	if err != nil {
		return err
	}
	return c.run()
}

// initCluster fills the data folder of a new cluster.
func (c *Cluster) initCluster() error {
	return c.runBinary("initdb", "--pgdata="+c.data(),
		"--username=keyseat", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
}

// runBinary runs one of the programs of PostgreSQL until it exits.
func (c *Cluster) runBinary(name string, args ...string) error {
	path := filepath.Join(c.bin, name)
	if _, err := os.Stat(path); err != nil {
		return err
	}
	cmd := exec.Command(path, args...) //nolint:noctx // the program ends by itself
	cmd.Dir, cmd.SysProcAttr = c.folder, unprivileged()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// URL creates an empty database in the cluster and returns its URL. The database is dropped when the test ends.
func (c *Cluster) URL(t testing.TB) string {
	t.Helper()
	return createDatabase(t, c.admin(), emptyTemplate)
}

// Run runs a statement as the cluster's administrator, on a new connection. It ends the test if the statement fails.
func (c *Cluster) Run(t testing.TB, sql string) {
	t.Helper()
	if err := c.Try(sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Try runs a statement as [Cluster.Run] does, but returns the error.
func (c *Cluster) Try(sql string) error { return execute(context.Background(), c.admin(), sql) }

// Kill ends the server as kill -9 does. It kills the postmaster, and also the processes that the postmaster has
// started, because these processes would serve their clients for another moment.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	pid, err := readPostmaster(c.data())
	if err == nil {
		err = killServer(pid)
	}
	if err != nil {
		t.Fatalf("kill the postmaster: %v", err)
	}
	c.supervisor.stop(keepFolder)
}

// Down reports whether the server has ended, for whatever reason.
func (c *Cluster) Down() bool {
	_, err := os.Stat(filepath.Join(c.folder, "ended"))
	return err == nil
}

// Restart starts the server again after it has ended, and returns when the server answers. The port stays the same.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.supervisor.stop(keepFolder)
	if err := c.run(); err != nil {
		t.Fatalf("restart: %v", err)
	}
}

// Log returns the log of the server.
func (c *Cluster) Log() ([]byte, error) { return os.ReadFile(filepath.Join(c.folder, "log")) }

// Host returns the address of the server as host:port.
func (c *Cluster) Host() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

func (c *Cluster) admin() string {
	return "postgres://keyseat@" + c.Host() + "/postgres?sslmode=disable"
}

func (c *Cluster) data() string {
	if c.options.Data != "" {
		return c.options.Data
	}
	return filepath.Join(c.folder, "data")
}

// startTimeout is the maximum time for the start of a server. After a kill, the server has to recover its data, and to
// wait until the last of its old processes has ended.
const startTimeout = 30 * time.Second

// run starts the server, if necessary several times, until it answers.
func (c *Cluster) run() error {
	deadline := time.Now().Add(startTimeout)
	for {
		err := c.runOnce(deadline)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		c.supervisor.stop(keepFolder)
	}
}

// runOnce starts the server once. It returns when the server answers or has ended, or at the deadline.
func (c *Cluster) runOnce(deadline time.Time) (err error) {
	for _, mark := range []string{"ended", "keep"} {
		if err := os.RemoveAll(filepath.Join(c.folder, mark)); err != nil {
			return err
		}
	}
	args := append([]string{c.folder, filepath.Join(c.bin, "postgres")}, c.settings()...)
	if c.supervisor, err = supervise(supervisePostgres, args...); err != nil {
		return err
	}
	for {
		if err = execute(context.Background(), c.admin(), "SELECT 1"); err == nil {
			return nil
		}
		if c.Down() || time.Now().After(deadline) {
			log, _ := c.Log() // without a log, the error has no details
			return fmt.Errorf("%w: %s", err, log[max(0, len(log)-2000):])
		}
		time.Sleep(10 * time.Millisecond) // a starting server sends no signal when it is ready
	}
}

func (c *Cluster) settings() []string {
	settings := []string{"-D", c.data(), "-p", strconv.Itoa(c.port)}
	durable := strconv.FormatBool(c.options.Durable)
	config := append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200", "shared_buffers=32MB",
		"fsync=" + durable, "full_page_writes=" + durable,
	}, c.options.Config...)
	for _, s := range config {
		settings = append(settings, "-c", s)
	}
	return settings
}

func (c *Cluster) remove() {
	c.supervisor.stop(removeFolder)
	_ = os.RemoveAll(c.folder) // the operating system cleans its temporary folder anyway
	_ = os.RemoveAll(c.data())
}

// freePort returns a port of the loopback address on which no program listens at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Listen does not block
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
