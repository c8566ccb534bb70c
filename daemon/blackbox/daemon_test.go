package blackbox_test

import (
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A daemon is a running keyseatd serve.
type daemon struct {
	*shop
	cmd    *exec.Cmd
	log    *journal
	ended  chan struct{}
	url    string // of its public listener
	admin  string // of the other one
	client *http.Client
}

// serve starts a daemon and waits until it is ready.
func (s *shop) serve(flags ...string) *daemon {
	s.Helper()
	d := s.start(flags...)
	d.awaitReady()
	return d
}

// start starts a daemon with those flags, and others that make tests quick, where they are not given.
func (s *shop) start(flags ...string) *daemon {
	s.Helper()
	defaults := [][2]string{
		{"--database", s.database},
		{"--connector", s.provider.URL},
		{"--listen", "127.0.0.1:0"},
		{"--admin-listen", "127.0.0.1:0"},
		{"--log-level", "debug"},
		{"--log-format", "json"},
		{"--task-backoff", "10ms"},
		{"--unknown-key-limit", "0"},
		{"--master-key-file", s.keyFile},
	}
	for _, flag := range defaults {
		if flag[1] != "" && !slices.ContainsFunc(flags, func(f string) bool { return named(f) == flag[0] }) {
			flags = append(flags, flag[0]+"="+flag[1])
		}
	}
	return s.launch(append([]string{"serve"}, flags...)...)
}

// named is what a flag is called.
func named(flag string) string {
	name, _, _ := strings.Cut(flag, "=")
	return name
}

// launch starts a command that runs until it is stopped.
func (s *shop) launch(args ...string) *daemon {
	s.Helper()
	return s.run(s.command(args...))
}

// run starts what shall be a daemon.
func (s *shop) run(cmd *exec.Cmd) *daemon {
	s.Helper()
	d := &daemon{shop: s, cmd: cmd, log: new(journal), ended: make(chan struct{}), client: newClient()}
	cmd.Stderr = d.log
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // its status is looked at by who waits for the end
		close(d.ended)
	}()
	s.Cleanup(func() {
		d.kill()
		if tail := d.log.tail(); s.Failed() && testing.Verbose() && tail != "" {
			s.Logf("the daemon's log ends with\n%s", tail)
		}
	})
	return d
}

// patience is how long anything may take on a slow machine. What is bound to come sooner is tested
// with a bound of its own.
const patience = 60 * time.Second

// until waits for something that can only be asked for.
func (s *shop) until(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("waited in vain: %s", what)
		}
	}
}

func (d *daemon) awaitReady() {
	d.Helper()
	d.until("the daemon is ready", func() bool {
		if d.over() {
			d.Fatalf("the daemon has ended with status %d:\n%s", d.code(), d.log.tail())
		}
		return d.listens() && d.ready() == http.StatusOK
	})
}

// listens finds the addresses in the log.
func (d *daemon) listens() bool {
	entry := d.log.find("serving")
	if entry == nil {
		return false
	}
	listen, _ := entry["listen"].(string)
	admin, _ := entry["admin"].(string)
	d.url, d.admin = "http://"+listen, "http://"+admin
	return true
}

// ready is the status of /readyz, 0 if there is no answer.
func (d *daemon) ready() int {
	a, err := d.try(http.MethodGet, d.admin+"/readyz", "", nil)
	if err != nil {
		return 0
	}
	return a.code
}

func (d *daemon) over() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// code is the exit status, once it is over.
func (d *daemon) code() int { return d.cmd.ProcessState.ExitCode() }

func (d *daemon) signal(sig os.Signal) { _ = d.cmd.Process.Signal(sig) } // it may have ended already

// kill ends it as kill -9 does.
func (d *daemon) kill() {
	if !d.over() {
		_ = finish(d.cmd.Process) // it may end this moment
	}
	<-d.ended
}

// terminate is how an operator asks it to stop.
const terminate = syscall.SIGTERM

// stop ends it as an operator does: the status must be 0.
func (d *daemon) stop() {
	d.Helper()
	d.signal(terminate)
	d.exits(0)
}

// exits waits for its end with that status.
func (d *daemon) exits(code int) {
	d.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.Fatal("the daemon does not end")
	}
	if d.code() != code {
		d.Fatalf("the daemon ended with status %d, not %d:\n%s", d.code(), code, d.log.tail())
	}
}
