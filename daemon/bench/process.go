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

// A process is a running program. It dies with the context that it was started under, and with us.
type process struct {
	name  string
	cmd   *exec.Cmd
	lines *bufio.Scanner // of its standard output
	stdin io.WriteCloser // its end tells a peer to end
	log   string         // the file that its standard error goes to
	ended chan struct{}
}

// environment is no more than programs need: whoever runs this may have set up a keyseatd of theirs.
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
	defer func() { _ = log.Close() }() // the process has its own
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
		_, _ = p.cmd.Process.Wait() // how it ended shows in its log
		close(p.ended)
	}()
	return p, nil
}

// peer starts this program as a peer and waits until it serves.
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

// line waits for a line of the peer's that begins with that word, and gives the rest of it.
func (p *process) line(word string) (string, error) {
	for p.lines.Scan() {
		if rest, found := strings.CutPrefix(p.lines.Text(), word+" "); found {
			return rest, nil
		}
	}
	return "", fmt.Errorf("%s has ended: %s", p.name, p.tail())
}

// kill ends the process at once: nothing that it does on its way out is measured.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	<-p.ended
	_ = p.stdin.Close()
}

// tail is the end of the log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-1000):]))
}
