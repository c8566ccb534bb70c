package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Options are the settings of a cluster. The zero Options make a fast cluster. Such a cluster keeps its data if its
// processes are killed, but can lose data in a power cut.
type Options struct {
	Durable bool     // fsync on
	Config  []string // further settings of the server, as "name=value"
	Data    string   // the data folder, empty or not existing; "": a folder in the temporary folder
}

// A Cluster is a PostgreSQL server with its own data folder. Only one goroutine at a time may use it.
type Cluster struct {
	options Options
	bin     string
	folder  string // holds the data and the log
	port    int
	keeper  *exec.Cmd
	leash   io.WriteCloser // the keeper's stdin
}

// Start creates and starts a cluster. When the test ends, the cluster is stopped and removed.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := start(o)
	check(t, err)
	t.Cleanup(c.remove)
	return c
}

func start(o Options) (*Cluster, error) { return founded(o, (*Cluster).initdb) }

// founded creates a cluster, calls found to fill its data folder, and starts it.
func founded(o Options, found func(*Cluster) error) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "keyseat-postgres-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, bin: bin, folder: folder}
	if c.port, err = freePort(); err == nil {
		err = c.found(found)
	}
	if err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) found(fill func(*Cluster) error) error {
	if err := errors.Join(own(c.folder), os.MkdirAll(c.data(), 0o700), own(c.data()), fill(c)); err != nil {
		return err
	}
	return c.run()
}

func (c *Cluster) initdb() error {
	return c.program("initdb", "--pgdata="+c.data(),
		"--username=keyseat", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
}

// program runs one of the programs of PostgreSQL until it exits.
func (c *Cluster) program(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(c.bin, name), args...) //nolint:noctx // it ends by itself
	cmd.Dir, cmd.SysProcAttr = c.folder, unprivileged()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// URL creates an empty database in the cluster and returns its URL. The database is dropped when the test ends.
func (c *Cluster) URL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, c.admin())
}

// Run runs a statement as the cluster's owner, on a new connection. If that fails, the test ends.
func (c *Cluster) Run(t testing.TB, sql string) {
	t.Helper()
	if err := c.Try(sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Try is like [Cluster.Run], but returns the error.
func (c *Cluster) Try(sql string) error { return execute(context.Background(), c.admin(), sql) }

// Kill ends the server as kill -9 does. It kills the postmaster and the processes that the postmaster has started,
// because those would serve their clients for another moment.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	pid, err := c.Postmaster()
	if err == nil {
		err = killServer(pid)
	}
	if err != nil {
		t.Fatalf("kill the postmaster: %v", err)
	}
	c.release("keep\n")
}

func killServer(pid int) error {
	others := children(pid)
	if err := kill(pid); err != nil {
		return err
	}
	for _, other := range others {
		_ = kill(other) // the process may have ended already
	}
	return nil
}

// children returns the ids of the processes that the process parent has started.
func children(parent int) []int {
	list, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output() //nolint:noctx // it ends by itself
	if err != nil {
		return nil // they end by themselves a little after the postmaster
	}
	var pids []int
	for line := range strings.Lines(string(list)) {
		var pid, of int
		if n, _ := fmt.Sscan(line, &pid, &of); n == 2 && of == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Down reports whether the server has ended, by itself, after a signal or by [Cluster.Kill].
func (c *Cluster) Down() bool { return c.keeper == nil || c.ended() }

// Restart starts the server again after [Cluster.Kill], or after it ended by itself. The port stays the same. Restart
// returns when the server answers.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.release("keep\n")
	if err := c.run(); err != nil {
		t.Fatalf("restart: %v", err)
	}
}

// Postmaster returns the process id of the running server.
func (c *Cluster) Postmaster() (int, error) { return postmaster(c.data()) }

func postmaster(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// Log returns the log of the server.
func (c *Cluster) Log() ([]byte, error) { return os.ReadFile(filepath.Join(c.folder, "log")) }

func (c *Cluster) data() string {
	if c.options.Data != "" {
		return c.options.Data
	}
	return filepath.Join(c.folder, "data")
}

// Host returns the address of the server as host:port.
func (c *Cluster) Host() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

func (c *Cluster) admin() string {
	return "postgres://keyseat@" + c.Host() + "/postgres?sslmode=disable"
}

// keeper is a shell script that starts the server, and stops it when the script's own stdin ends. That happens also
// if the test process dies. When the server has ended, the script creates the file "ended". It then removes the
// folder, unless the word "keep" was written to its stdin.
const keeper = `
trap '' INT HUP
folder=$1; shift
exec 3<&0 # because a command in the background has no stdin
"$@" >>"$folder/log" 2>&1 </dev/null 3<&- &
pid=$!
(
	read -r word <&3
	[ "$word" != keep ] || : >"$folder/keep"
	[ -e "$folder/ended" ] || kill -QUIT $pid
) &
wait $pid
: >"$folder/ended"
wait
[ -e "$folder/keep" ] || rm -rf "$folder"
`

// patience is the maximum time for the start of a server. After a kill, the server has to recover, and to wait
// until the last of its old processes has ended.
const patience = 30 * time.Second

func (c *Cluster) run() error {
	deadline := time.Now().Add(patience)
	for {
		err := c.try(deadline)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		c.release("keep\n")
	}
}

// try starts the server once. It returns when the server answers or has ended, or at the deadline.
func (c *Cluster) try(deadline time.Time) error {
	for _, mark := range []string{"ended", "keep"} {
		if err := os.RemoveAll(filepath.Join(c.folder, mark)); err != nil {
			return err
		}
	}
	args := append([]string{"-c", keeper, "keeper", c.folder, filepath.Join(c.bin, "postgres")}, c.settings()...)
	cmd := exec.Command("/bin/sh", args...) //nolint:noctx // the keeper lives as long as its stdin
	cmd.Dir, cmd.SysProcAttr = os.TempDir(), unprivileged()
	leash, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	c.keeper, c.leash = cmd, leash
	for {
		if err = execute(context.Background(), c.admin(), "SELECT 1"); err == nil {
			return nil
		}
		if c.ended() || time.Now().After(deadline) {
			log, _ := c.Log() // without a log, the error holds no more
			return fmt.Errorf("%w: %s", err, log[max(0, len(log)-2000):])
		}
		time.Sleep(10 * time.Millisecond) // a starting server sends no signal when it is ready
	}
}

func (c *Cluster) ended() bool {
	_, err := os.Stat(filepath.Join(c.folder, "ended"))
	return err == nil
}

func (c *Cluster) settings() []string {
	settings := []string{"-D", c.data(), "-p", strconv.Itoa(c.port)}
	config := append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200",
		"fsync=" + onOff(c.options.Durable), "full_page_writes=" + onOff(c.options.Durable),
	}, c.options.Config...)
	for _, s := range config {
		settings = append(settings, "-c", s)
	}
	return settings
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// release writes the word to the stdin of the keeper, closes the stdin, and waits until the keeper has ended.
func (c *Cluster) release(word string) {
	if c.keeper == nil {
		return
	}
	_, _ = io.WriteString(c.leash, word) // the keeper may have ended already
	_ = c.leash.Close()
	_ = c.keeper.Wait() // its status has no meaning: it is that of rm or of the stopped server
	c.keeper = nil
}

func (c *Cluster) remove() {
	c.release("")
	_ = os.RemoveAll(c.folder) // the operating system cleans its temporary folder too
	_ = os.RemoveAll(c.data())
}

// freePort returns a port on which no program listens at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
