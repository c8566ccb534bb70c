package pgtest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A supervisor is a running shell script that starts programs, and stops them when the script's stdin ends. The stdin
// also ends if the test process dies.
type supervisor struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// supervise starts a script as a user other than root, because PostgreSQL and PgBouncer refuse root.
func supervise(script string, args ...string) (*supervisor, error) {
	args = append([]string{"-c", script, "supervisor"}, args...)
	cmd := exec.Command("/bin/sh", args...) //nolint:noctx // the script runs until its stdin ends
	cmd.Dir, cmd.SysProcAttr = os.TempDir(), unprivileged()
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	return &supervisor{cmd, stdin}, nil
}

// stop writes a line to the script's stdin, closes the stdin, and waits until the script has ended. It ignores errors,
// because the script may have ended already. For a nil supervisor, which was never started, it does nothing.
func (s *supervisor) stop(line string) {
	if s == nil {
		return
	}
	_, _ = io.WriteString(s.stdin, line+"\n")
	_ = s.stdin.Close()
	_ = s.cmd.Wait() // the exit status is that of rm or of a stopped program, and means nothing here
}

// killServer kills a postmaster and its children. It first suspends the postmaster, so that the list of the children
// stays complete. A child outside the list would continue to serve its client, and delay a restart.
func killServer(pid int) error {
	_ = suspend(pid) // if the server has ended, kill returns the error
	others := children(pid)
	if err := kill(pid); err != nil {
		return err
	}
	for _, other := range others {
		_ = kill(other) // the process may have ended already
	}
	return nil
}

// children returns the ids of the child processes of a process. It returns none if they cannot be listed.
func children(parent int) []int {
	list, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output() //nolint:noctx // the program ends by itself
	if err != nil {
		return nil // the children end by themselves a little after the postmaster
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

// readPostmaster returns the process id of the server that runs on a data folder.
func readPostmaster(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// supervisePostgres is a script that starts a server and logs its output to a file. When the server has ended, the
// script creates the file "ended". Then it removes the folder, unless its stdin had the line [keepFolder].
const supervisePostgres = `
trap '' INT HUP
folder=$1; shift
exec 3<&0 # because a command in the background has no stdin
"$@" >>"$folder/log" 2>&1 </dev/null 3<&- &
pid=$!
(
	read -r line <&3
	[ "$line" != keep ] || : >"$folder/keep"
	[ -e "$folder/ended" ] || kill -QUIT $pid
) &
wait $pid
: >"$folder/ended"
wait
[ -e "$folder/keep" ] || rm -rf "$folder"
`

// Lines that [supervisePostgres] reads from its stdin. Any line, or the end of the stdin, stops the server.
const (
	keepFolder   = "keep"
	removeFolder = ""
)

// supervisePgBouncer is a script that starts PgBouncer and logs its output to a file.
const supervisePgBouncer = `
log=$1; shift
exec 3<&0 # because a command in the background has no stdin
"$@" >>"$log" 2>&1 </dev/null 3<&- &
read -r line <&3
kill -TERM $!
wait
`

// superviseNode is a script that starts etcd and Patroni in the folder of one simulated machine. When its stdin ends,
// it stops all processes of the machine and removes the folder.
const superviseNode = `
trap '' INT HUP
cd "$1"
(set -a; . ./etcd.env; exec etcd) >>etcd.log 2>&1 &
etcd=$!
(set -a; . ./patroni.env; exec patroni patroni.yml) >>patroni.log 2>&1 &
patroni=$!
read -r _
trap '' TERM
kill -KILL $patroni $etcd
kill -TERM 0 # the programs that Patroni has started; they may be copying a server
wait
pid=$(head -n 1 postgresql/keyseat/postmaster.pid)
serves() { [ "$(ps -o comm= -p "$pid")" = postgres ]; } # another program may have the id of a dead server
serves && kill -QUIT "$pid"
while serves; do sleep 0.1; done
until rm -rf "$1"; do sleep 0.1; done
rmdir "${1%/*}" # by the last of the machines
`

// Environment variables that control the tests.
const (
	EnvURL     = "KEYSEAT_TEST_POSTGRES"    // the URL of a server to use instead of a temporary one
	EnvRequire = "KEYSEAT_REQUIRE_POSTGRES" // any value: tests fail if PostgreSQL is not installed
)

// Required reports whether a test must fail, instead of being skipped, if a program that it needs is missing. This is
// so if the variable [EnvRequire] is set or the variable CI is "true".
func Required() bool { return os.Getenv("CI") == "true" || os.Getenv(EnvRequire) != "" }

// requirePostgres ends the test if PostgreSQL could not be started, with the error err. It skips the test if PostgreSQL
// is missing and not [Required]. Otherwise it fails the test.
func requirePostgres(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errNoServer):
		skipOrFail(t, "no PostgreSQL was found; install one (apt-get install postgresql, or brew install postgresql), "+
			"or set "+EnvURL+" to the URL of a server whose user may create databases")
	case errors.Is(err, fs.ErrNotExist): // some packages of PostgreSQL have the server, but no pg_basebackup
		skipOrFail(t, err.Error())
	default:
		t.Fatalf("start PostgreSQL: %v", err)
	}
}

// waitFor calls done until it returns true, with a pause after each call. After the time limit it ends the test.
// Polling is necessary, because servers do not notify a test when their state changes.
func waitFor(t testing.TB, what string, limit, pause time.Duration, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// LookPath returns the path of a program that a test runs. If the program is missing, LookPath skips the test, or fails
// it if programs are [Required].
func LookPath(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		skipOrFail(t, program+" is missing: run .ci/needs")
	}
	return path
}

// skipOrFail skips the test because a program is missing. It fails the test if programs are [Required].
func skipOrFail(t testing.TB, missing string) {
	t.Helper()
	if Required() {
		t.Fatal(missing)
	}
	t.Skip("SKIPPED, NOTHING WAS TESTED: " + missing)
}

// errNoServer means that the programs of PostgreSQL are not installed.
var errNoServer = errors.New("no PostgreSQL")

// binaryFolders are the folders of PostgreSQL's programs in distributions that do not add them to PATH.
var binaryFolders = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // Fedora, RHEL
	"/opt/homebrew/opt/postgresql*/bin", // brew on Apple silicon
	"/usr/local/opt/postgresql*/bin",    // brew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
}

// findBinaries returns the folder of initdb and postgres: the one in PATH, or else the newest installed one.
func findBinaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil { // the folder of the link may have no link to postgres
			path = target
		}
		if hasBinaries(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	for _, pattern := range binaryFolders {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, folder := range slices.Backward(found) {
			if hasBinaries(folder) {
				return folder, nil
			}
		}
	}
	return "", errNoServer
}

// hasBinaries reports whether a folder has the programs of a server.
func hasBinaries(folder string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(folder, program)); err != nil {
			return false
		}
	}
	return true
}
