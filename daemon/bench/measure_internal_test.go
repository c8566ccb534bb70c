package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
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
		left := requests
		next := func(r *request) bool {
			left--
			return left >= 0 && emptyRequest(r)
		}
		got, err := load{conns: 1, length: time.Minute, next: next}.run(t.Context(), []*client{pipeClient(t)})
		if !errors.Is(err, want) || got.n != requests {
			t.Errorf("with %d requests: %d responses, %v", requests, got.n, err)
		}
	}
}

// TestLateRequestsAreSent checks that an open loop sends each request that was due, even after the end of the load.
func TestLateRequestsAreSent(t *testing.T) {
	due, now := make(chan time.Time, 3), time.Now()
	for range cap(due) {
		due <- now.Add(-time.Hour)
	}
	close(due)
	took, err := load{next: emptyRequest}.sendRequests(pipeClient(t), now, due)
	if err != nil || len(took) != cap(due) || slices.Min(took) < time.Hour {
		t.Errorf("got the latencies %v, %v", took, err)
	}
}

// pipeClient returns a client of a provider that answers.
func pipeClient(t *testing.T) *client {
	t.Helper()
	conn, server := net.Pipe()
	go new(provider).serve(server)
	t.Cleanup(func() { _ = conn.Close() }) // ends the provider too
	return &client{conn: conn, buf: make([]byte, 4096)}
}

// emptyRequest is a [generator] of requests without a body.
func emptyRequest(r *request) bool {
	r.raw = []byte("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
	return true
}
