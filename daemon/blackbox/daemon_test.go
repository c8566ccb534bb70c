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

// A Daemon is a running keyseatd serve.
type Daemon struct {
	*Shop
	Cmd      *exec.Cmd
	Logs     *LogBuffer
	ended    chan struct{}
	URL      string // of its public listener
	AdminURL string // of the other one
	Client   *http.Client
}

// Serve starts a daemon and waits until it is ready.
func (s *Shop) Serve(flags ...string) *Daemon {
	s.Helper()
	d := s.Start(flags...)
	d.WaitReady()
	return d
}

// Start starts a daemon with those flags, and others that make tests quick, where they are not given.
func (s *Shop) Start(flags ...string) *Daemon {
	s.Helper()
	defaults := [][2]string{
		{"--database", s.Database},
		{"--connector", s.Provider.URL},
		{"--listen", "127.0.0.1:0"},
		{"--admin-listen", "127.0.0.1:0"},
		{"--log-level", "debug"},
		{"--log-format", "json"},
		{"--task-backoff", "10ms"},
		{"--unknown-key-limit", "0"},
		{"--master-key-file", s.KeyFile},
	}
	for _, flag := range defaults {
		if flag[1] != "" && !slices.ContainsFunc(flags, func(f string) bool { return flagName(f) == flag[0] }) {
			flags = append(flags, flag[0]+"="+flag[1])
		}
	}
	return s.Launch(append([]string{"serve"}, flags...)...)
}

// flagName is what a flag is called.
func flagName(flag string) string {
	name, _, _ := strings.Cut(flag, "=")
	return name
}

// Launch starts a command that runs until it is stopped.
func (s *Shop) Launch(args ...string) *Daemon {
	s.Helper()
	return s.StartCommand(s.Command(args...))
}

// StartCommand starts what shall be a daemon.
func (s *Shop) StartCommand(cmd *exec.Cmd) *Daemon {
	s.Helper()
	d := &Daemon{Shop: s, Cmd: cmd, Logs: new(LogBuffer), ended: make(chan struct{}), Client: NewClient()}
	cmd.Stderr = d.Logs
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // its status is looked at by who waits for the end
		close(d.ended)
	}()
	s.Cleanup(func() {
		d.Kill()
		if tail := d.Logs.Tail(); s.Failed() && testing.Verbose() && tail != "" {
			s.Logf("the daemon's log ends with\n%s", tail)
		}
	})
	return d
}

// MaxWait is how long anything may take on a slow machine. What is bound to come sooner is tested
// with a bound of its own.
const MaxWait = 60 * time.Second

// Eventually waits for something that can only be asked for.
func (s *Shop) Eventually(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(MaxWait); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("waited in vain: %s", what)
		}
	}
}

func (d *Daemon) WaitReady() {
	d.Helper()
	d.Eventually("the daemon is ready", func() bool {
		if d.HasEnded() {
			d.Fatalf("the daemon has ended with status %d:\n%s", d.ExitCode(), d.Logs.Tail())
		}
		return d.FindAddresses() && d.ReadyStatus() == http.StatusOK
	})
}

// FindAddresses finds the addresses in the log.
func (d *Daemon) FindAddresses() bool {
	entry := d.Logs.Find("serving")
	if entry == nil {
		return false
	}
	listen, _ := entry["listen"].(string)
	admin, _ := entry["admin"].(string)
	d.URL, d.AdminURL = "http://"+listen, "http://"+admin
	return true
}

// ReadyStatus is the status of /readyz, 0 if there is no answer.
func (d *Daemon) ReadyStatus() int {
	a, err := d.Send(http.MethodGet, d.AdminURL+"/readyz", "", nil)
	if err != nil {
		return 0
	}
	return a.Code
}

func (d *Daemon) HasEnded() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// ExitCode is the exit status, once it is over.
func (d *Daemon) ExitCode() int { return d.Cmd.ProcessState.ExitCode() }

func (d *Daemon) Signal(sig os.Signal) { _ = d.Cmd.Process.Signal(sig) } // it may have ended already

// Kill ends it as kill -9 does.
func (d *Daemon) Kill() {
	if !d.HasEnded() {
		_ = killGroup(d.Cmd.Process) // it may end this moment
	}
	<-d.ended
}

// Terminate is how an operator asks it to stop.
const Terminate = syscall.SIGTERM

// Stop ends it as an operator does: the status must be 0.
func (d *Daemon) Stop() {
	d.Helper()
	d.Signal(Terminate)
	d.WaitExit(0)
}

// WaitExit waits for its end with that status.
func (d *Daemon) WaitExit(code int) {
	d.Helper()
	select {
	case <-d.ended:
	case <-time.After(MaxWait):
		d.Fatal("the daemon does not end")
	}
	if d.ExitCode() != code {
		d.Fatalf("the daemon ended with status %d, not %d:\n%s", d.ExitCode(), code, d.Logs.Tail())
	}
}
