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

// Options say what a cluster is for. The zero Options make one that is fast and forgets in a power
// cut, though not when its processes are killed.
type Options struct {
	Durable bool     // fsync on
	Config  []string // further settings of the server, as "name=value"
	Data    string   // the folder of its data, empty or not there yet; "": one in the temporary folder
}

// A Cluster is a PostgreSQL server with a data folder of its own. It is not for several goroutines.
type Cluster struct {
	options Options
	bin     string
	folder  string // holds the data and the log
	port    int
	keeper  *exec.Cmd
	leash   io.WriteCloser // the keeper's stdin
}

// Start makes and starts a cluster that is gone when the test ends.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := start(o)
	check(t, err)
	t.Cleanup(c.remove)
	return c
}

func start(o Options) (*Cluster, error) { return founded(o, (*Cluster).initdb) }

// founded makes a cluster, lets found fill its data folder, and starts it.
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

// program runs one of the server's own to its end.
func (c *Cluster) program(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(c.bin, name), args...) //nolint:noctx // it ends by itself
	cmd.Dir, cmd.SysProcAttr = c.folder, unprivileged()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// URL makes an empty database in the cluster. It is dropped when the test ends.
func (c *Cluster) URL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, c.admin())
}

// Run runs a statement as the cluster's owner, on a connection of its own.
func (c *Cluster) Run(t testing.TB, sql string) {
	t.Helper()
	if err := c.Try(sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Try is [Cluster.Run] of what may fail.
func (c *Cluster) Try(sql string) error { return execute(context.Background(), c.admin(), sql) }

// Kill ends the server as kill -9 does: the postmaster, and the processes that it has started, which
// would go on serving their clients for a moment.
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
		_ = kill(other) // it may have ended already
	}
	return nil
}

// children are the processes that one has started.
func children(parent int) []int {
	list, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output() //nolint:noctx // it ends by itself
	if err != nil {
		return nil // the postmaster's end is theirs, a little later
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

// Down says whether the server has ended, by itself or because it was told to.
func (c *Cluster) Down() bool { return c.keeper == nil || c.ended() }

// Restart starts the server after [Cluster.Kill], or when it is [Cluster.Down] by
// itself, on the same port, and waits until it answers.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.release("keep\n")
	if err := c.run(); err != nil {
		t.Fatalf("restart: %v", err)
	}
}

// Postmaster gives the process id of the running server.
func (c *Cluster) Postmaster() (int, error) { return postmaster(c.data()) }

func postmaster(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// Log gives what the server has written to its log.
func (c *Cluster) Log() ([]byte, error) { return os.ReadFile(filepath.Join(c.folder, "log")) }

func (c *Cluster) data() string {
	if c.options.Data != "" {
		return c.options.Data
	}
	return filepath.Join(c.folder, "data")
}

// Host is where the server listens, as it stands in a URL.
func (c *Cluster) Host() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

func (c *Cluster) admin() string {
	return "postgres://keyseat@" + c.Host() + "/postgres?sslmode=disable"
}

// The keeper starts the server and stops it when its stdin ends, which the death of the test does
// too. Unless it was told to keep it, it removes the folder. A file says that the server has ended.
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

// patience bounds how long a server may take to start: after a kill it has to recover, and to wait
// for the last of its old processes.
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

// try starts the server once, and waits until it answers or has ended.
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
			log, _ := c.Log() // what it says is all there is to tell
			return fmt.Errorf("%w: %s", err, log[max(0, len(log)-2000):])
		}
		time.Sleep(10 * time.Millisecond) // a server that is starting cannot be waited for but by asking
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

// release lets the keeper go, with a word or none, and waits until it has.
func (c *Cluster) release(word string) {
	if c.keeper == nil {
		return
	}
	_, _ = io.WriteString(c.leash, word) // a keeper that has ended already needs no word
	_ = c.leash.Close()
	_ = c.keeper.Wait() // its status is that of rm or of a server that was told to quit
	c.keeper = nil
}

func (c *Cluster) remove() {
	c.release("")
	_ = os.RemoveAll(c.folder) // the operating system cleans its temporary folder too
	_ = os.RemoveAll(c.data())
}

// freePort finds a port that nobody listens on just now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
