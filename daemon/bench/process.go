package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// A process is a running program. It is killed when its context ends, and on Linux also when we end.
type process struct {
	name  string
	cmd   *exec.Cmd
	lines *bufio.Scanner // lines of its standard output
	stdin io.WriteCloser // a peer ends when it is closed
	log   string         // the file that its standard error goes to
	ended chan struct{}
}

// environment returns only the variables that programs need, because the user's environment may configure
// another keyseatd.
func environment() []string {
	var kept []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOGC", "GOMEMLIMIT"} {
		if value, set := os.LookupEnv(name); set {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

func (b *bench) start(ctx context.Context, name, program string, args ...string) (*process, error) {
	p := &process{name: name, log: b.path(name + ".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own descriptor
	p.cmd = exec.CommandContext(ctx, program, args...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr, p.cmd.SysProcAttr = b.folder, environment(), log, leashed()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewScanner(out)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_, _ = p.cmd.Process.Wait() // the log shows how it ended
		close(p.ended)
	}()
	return p, nil
}

// peer starts this program as a peer, and waits until it serves.
func (b *bench) peer(ctx context.Context, name string, args ...string) (*server, error) {
	p, err := b.start(ctx, name, b.self, append([]string{asPeer, name}, args...)...)
	if err != nil {
		return nil, err
	}
	addr, err := p.line("serving")
	if err != nil {
		p.kill()
		return nil, err
	}
	return &server{process: p, addr: addr}, nil
}

// line waits for a line of the peer that begins with word, and returns the rest of the line.
func (p *process) line(word string) (string, error) {
	for p.lines.Scan() {
		if rest, found := strings.CutPrefix(p.lines.Text(), word+" "); found {
			return rest, nil
		}
	}
	return "", fmt.Errorf("%s has ended: %s", p.name, p.tail())
}

// kill ends the process immediately, so that its shutdown is not measured.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended already
	<-p.ended
	_ = p.stdin.Close()
}

// tail returns the last 1000 bytes of the log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-1000):]))
}
