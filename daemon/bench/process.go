package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// A process is a running program. It is killed when its context ends, and on Linux also when bench ends.
type process struct {
	name  string
	cmd   *exec.Cmd
	lines *bufio.Scanner // the lines of its standard output
	stdin io.WriteCloser // a peer ends when its standard input is closed
	log   string         // the path of the file that its standard error goes to
	ended chan struct{}  // is closed when the process has ended
}

// minimalEnv returns only the variables that programs need. Variables that begin with KEYSEAT_ would change the settings
// of the measured keyseatd.
func minimalEnv() []string {
	kept := []string{"TZ=UTC"} // because responses have times in UTC
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOGC", "GOMEMLIMIT"} {
		if value, set := os.LookupEnv(name); set {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

func (b *bench) startProcess(ctx context.Context, name, program string, args ...string) *process {
	p := &process{name: name, log: b.path(name + ".log"), ended: make(chan struct{})}
	log := must(os.Create(p.log))
	defer func() { _ = log.Close() }() // the process has its own descriptor
	p.cmd = exec.CommandContext(ctx, program, args...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr, p.cmd.SysProcAttr = b.folder, minimalEnv(), log, dieWithParent()
	p.lines = bufio.NewScanner(must(p.cmd.StdoutPipe()))
	p.stdin = must(p.cmd.StdinPipe())
	check(p.cmd.Start())
	go func() {
		_, _ = p.cmd.Process.Wait() // the log of the process shows how it ended
		close(p.ended)
	}()
	return p
}

// peer starts this program as a peer, and waits until it serves.
func (b *bench) peer(ctx context.Context, name string, args ...string) *server {
	p := b.startProcess(ctx, name, b.self, append([]string{asPeer, name}, args...)...)
	return &server{process: p, addr: p.waitLine("serving")}
}

// waitLine waits for a line of the peer that begins with word, and returns the rest. Without such a line it kills the
// peer.
func (p *process) waitLine(word string) string {
	for p.lines.Scan() {
		if rest, found := strings.CutPrefix(p.lines.Text(), word+" "); found {
			return rest
		}
	}
	err := fmt.Errorf("%s has ended: %s", p.name, p.logTail())
	p.kill()
	check(err)
	return "" // is not reached, because check has panicked
}

// kill kills the process, so that its shutdown takes no time.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // the process may have ended already
	<-p.ended
	_ = p.stdin.Close()
}

// logTail returns the last 1000 bytes of the log.
func (p *process) logTail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-1000):]))
}

// A server is a process that serves HTTP.
type server struct {
	*process
	addr  string
	admin string // the address of the admin listener; "": a peer, which has none
}

// A starter is a function that starts one program of a comparison.
type starter func(ctx context.Context) *server

// serve starts keyseatd serve on a database, with further flags, and waits until the daemon is ready.
func (b *bench) serve(ctx context.Context, database string, flags ...string) *server {
	public, admin := freePorts()
	args := append([]string{"serve", "--database", database, "--listen", public, "--admin-listen", admin}, flags...)
	s := &server{process: b.startProcess(ctx, "keyseatd", b.keyseatd, args...), addr: public, admin: admin}
	s.waitReady(ctx)
	return s
}

// waitReady waits until the server is ready. It kills a server that does not become ready.
func (s *server) waitReady(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, waitTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		r := must(http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+"/readyz", http.NoBody))
		if response, err := client.Do(r); err == nil {
			_ = response.Body.Close() // only the status matters
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-s.ended:
			check(fmt.Errorf("keyseatd has ended: %s", s.logTail()))
		case <-ctx.Done():
			s.kill()
			check(fmt.Errorf("keyseatd is not ready: %w: %s", ctx.Err(), s.logTail()))
		case <-time.After(time.Millisecond):
		}
	}
}

// runKeyseatd runs a command of keyseatd to its end, and returns its standard output. An error also has the log.
func (b *bench) runKeyseatd(ctx context.Context, stdin io.Reader, args ...string) []byte {
	cmd := exec.CommandContext(ctx, b.keyseatd, args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.SysProcAttr = b.folder, minimalEnv(), stdin, dieWithParent()
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		check(fmt.Errorf("keyseatd %s: %w: %s%s", args[0], err, out, log.Bytes()))
	}
	return out
}

// freePorts returns two addresses on which no program listens at the moment.
func freePorts() (string, string) {
	first := must(net.Listen("tcp", "127.0.0.1:0"))  //nolint:noctx // Listen does not block
	second := must(net.Listen("tcp", "127.0.0.1:0")) //nolint:noctx // Listen does not block
	check(errors.Join(first.Close(), second.Close()))
	return first.Addr().String(), second.Addr().String()
}

// cpuOf returns the processor time that a server and PostgreSQL have used until now. On systems other than Linux it
// returns 0.
func (b *bench) cpuOf(p *process) cpuTime {
	postmaster := statOf(b.postmaster)
	database := ticks(postmaster.CUTime + postmaster.CSTime) // the time of the children that have ended
	all, _ := procfs.AllProcs()                              // fails on other systems than Linux
	for _, child := range all {
		if stat := statOf(child.PID); stat.PPID == b.postmaster {
			database += ticks(int(stat.UTime + stat.STime))
		}
	}
	stat := statOf(p.cmd.Process.Pid)
	return cpuTime{server: ticks(int(stat.UTime + stat.STime)), database: database}
}

// statOf returns the statistics of a process. They are zero if there is no such process, and on systems other than Linux.
func statOf(pid int) (stat procfs.ProcStat) {
	if p, err := procfs.NewProc(pid); err == nil {
		stat, _ = p.Stat() // fails if the process has just ended
	}
	return stat
}

// ticks converts a time of [procfs.ProcStat], which is in units of 10 milliseconds.
func ticks(n int) time.Duration { return time.Duration(n) * 10 * time.Millisecond }

// asPeer is the first argument of this program when it runs as a peer.
const asPeer = "peer"
