package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTry checks that try returns the error of a failed step after the step's deferred functions have run. A panic of
// another kind must continue.
func TestTry(t *testing.T) {
	if err := try(func() { check(nil) }); err != nil {
		t.Error(err)
	}
	closed := false
	err := try(func() {
		defer func() { closed = true }()
		must(os.Open(filepath.Join(t.TempDir(), "missing")))
		t.Error("the step goes on after its failure")
	})
	if !errors.Is(err, os.ErrNotExist) || !closed {
		t.Errorf("got %v, closed %v", err, closed)
	}
	defer func() {
		if failure := recover(); failure != "a bug" {
			t.Errorf("got the panic %v", failure)
		}
	}()
	_ = try(func() { panic("a bug") })
	t.Error("the panic has ended")
}

// TestPeerWithoutLine checks that a peer is killed if it closes its output without the line that it should print.
func TestPeerWithoutLine(t *testing.T) {
	b := &bench{folder: t.TempDir()}
	p := b.startProcess(t.Context(), "silent", "/bin/sh", "-c", "exec sleep 60 >&-")
	if err := try(func() { p.waitLine("serving") }); err == nil || !strings.Contains(err.Error(), "silent has ended") {
		t.Errorf("got %v", err)
	}
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		t.Error("the peer still runs")
	}
}

// TestNoRequestLeft checks that a measurement without a response is an error, and not a rate of 0.
func TestNoRequestLeft(t *testing.T) {
	for requests, want := range map[int]error{0: errUnexpected, 1: nil} {
		conn, server := net.Pipe()
		go new(provider).serve(server)
		left := requests
		next := func(r *request) bool {
			r.raw, left = []byte("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), left-1
			return left >= 0
		}
		got, err := load{conns: 1, length: time.Minute, next: next}.run(t.Context(), []*client{{conn: conn, buf: make([]byte, 4096)}})
		_ = conn.Close()
		if !errors.Is(err, want) || got.n != requests {
			t.Errorf("with %d requests: %d responses, %v", requests, got.n, err)
		}
	}
}
