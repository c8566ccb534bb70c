package harness

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Daemon is a running keyseatd serve, or another command that runs until it is stopped.
type Daemon struct {
	*Shop
	Cmd      *exec.Cmd
	Logs     *LogBuffer
	ended    chan struct{}
	URL      string // the URL of the public listener
	AdminURL string // the URL of the admin listener
	Client   *http.Client
}

// Serve starts a daemon and waits until it is ready.
func (s *Shop) Serve(flags ...string) *Daemon {
	s.Helper()
	d := s.Start(flags...)
	d.WaitReady()
	return d
}

// Start starts a daemon with the given flags. It adds flags for the shop's database and provider, and flags that make
// tests quick. A given flag replaces an added one.
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
		if flag[1] != "" && !slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f+"=", flag[0]+"=") }) {
			flags = append(flags, flag[0]+"="+flag[1])
		}
	}
	return s.StartCommand(s.Command(append([]string{"serve"}, flags...)...))
}

// StartCommand starts a command that runs until it is stopped. Its standard error goes to Logs, unless cmd.Stderr is
// set.
func (s *Shop) StartCommand(cmd *exec.Cmd) *Daemon {
	s.Helper()
	d := &Daemon{Shop: s, Cmd: cmd, Logs: new(LogBuffer), ended: make(chan struct{}), Client: NewClient()}
	if cmd.Stderr == nil {
		cmd.Stderr = d.Logs
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // WaitExit checks the status
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

// WaitReady waits until /readyz answers 200.
func (d *Daemon) WaitReady() {
	d.Helper()
	d.Eventually("the daemon is ready", func() bool {
		if d.HasEnded() {
			d.Fatalf("the daemon has ended with status %d:\n%s", d.ExitCode(), d.Logs.Tail())
		}
		return d.FindAddresses() && d.ReadyStatus() == http.StatusOK
	})
}

// FindAddresses sets URL and AdminURL from the log. It reports whether the log has the addresses of the listeners.
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

// ReadyStatus returns the status of /readyz, or 0 without a response.
func (d *Daemon) ReadyStatus() int {
	a, err := d.Send(http.MethodGet, d.AdminURL+"/readyz", "", nil)
	if err != nil {
		return 0
	}
	return a.Code
}

// HasEnded reports whether the process has ended.
func (d *Daemon) HasEnded() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// ExitCode returns the exit status of a process that has ended.
func (d *Daemon) ExitCode() int { return d.Cmd.ProcessState.ExitCode() }

// Signal sends a signal to the process.
func (d *Daemon) Signal(sig os.Signal) { _ = d.Cmd.Process.Signal(sig) } // the process may have ended already

// Pause stops the process as kill -STOP does, until [Daemon.Resume].
func (d *Daemon) Pause() { d.killCommand("STOP") }

// Resume continues the process after [Daemon.Pause].
func (d *Daemon) Resume() { d.killCommand("CONT") }

// killCommand sends a signal with the command kill, because package syscall does not have the signal on every system.
func (d *Daemon) killCommand(signal string) {
	kill := exec.Command("/bin/sh", "-c", fmt.Sprintf("kill -%s %d", signal, d.Cmd.Process.Pid)) //nolint:noctx // the program ends by itself
	if out, err := kill.CombinedOutput(); err != nil {
		d.Errorf("kill -%s: %v: %s", signal, err, out)
	}
}

// Kill ends the process and its children as kill -9 does.
func (d *Daemon) Kill() {
	if !d.HasEnded() {
		_ = KillGroup(d.Cmd.Process) // the process may end at this moment
	}
	<-d.ended
}

// Terminate is the signal with which an operator stops a daemon.
const Terminate = syscall.SIGTERM

// Stop stops the daemon as an operator does. The exit status must be 0.
func (d *Daemon) Stop() {
	d.Helper()
	d.Signal(Terminate)
	d.WaitExit(0)
}

// WaitExit waits for the end of the process, and checks its exit status.
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

// WithT returns a copy of the daemon that reports failures to a subtest.
func (d *Daemon) WithT(t *testing.T) *Daemon {
	s := *d.Shop
	s.T = t
	c := *d
	c.Shop = &s
	return &c
}

// ExpectNotReady checks that /readyz answers with the status 503, and with a body that contains the given texts.
func (d *Daemon) ExpectNotReady(words ...string) {
	d.Helper()
	a, err := d.Send(http.MethodGet, d.AdminURL+"/readyz", "", nil)
	if err != nil {
		d.Fatal(err)
	}
	if a.Code != http.StatusServiceUnavailable {
		d.Errorf("/readyz is %d: %s", a.Code, a.Body)
	}
	for _, w := range words {
		if !strings.Contains(a.Body, w) {
			d.Errorf("/readyz lacks %q: %s", w, a.Body)
		}
	}
}

// ServeAll starts n daemons on a shared database. On SQLite it starts one.
func (s *Shop) ServeAll(n int, flags ...string) []*Daemon {
	s.Helper()
	if s.IsSQLite() {
		n = 1
	}
	all := make([]*Daemon, n)
	for i := range all {
		all[i] = s.Serve(flags...)
	}
	return all
}

// Send sends a request and reads the whole response.
func (d *Daemon) Send(method, target, body string, header http.Header) (Response, error) {
	r, err := http.NewRequestWithContext(d.Context(), method, target, strings.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := d.Client.Do(r) //nolint:bodyclose // ReadResponse closes it
	if err != nil {
		return Response{}, err
	}
	return ReadResponse(response)
}
