package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// asPeer is the first argument of this program when it runs as a peer.
const asPeer = "peer"

// peers are the programs that keyseatd is compared with, by name. A peer gets the rest of the command line.
var peers = map[string]func(ctx context.Context, args []string) error{
	"constant":     peerConstant,
	"bare-info":    peerInfo,
	"bare-upgrade": peerUpgrade,
	"bare-sqlite":  peerSQLite,
	"river":        peerRiver,
}

// runPeer runs a peer until its standard input ends, because then its parent process has ended.
func runPeer(ctx context.Context, args []string) error {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // an error also means the end
		cancel()
	}()
	run, found := peers[args[0]]
	if !found {
		return fmt.Errorf("no such peer: %s", args[0])
	}
	return run(ctx, args[1:])
}

// serveAPI serves a handler at /API/ with a plain net/http server, and prints its address.
func serveAPI(ctx context.Context, handler http.HandlerFunc) error {
	on, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/API/", handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	tell("serving", on.Addr())
	return server.Serve(on)
}

// tell sends a line to the parent process.
func tell(word string, what any) { _, _ = fmt.Fprintln(os.Stdout, word, what) }

// respond sends a response, or status 500 after an error.
func respond(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err) // standard error is the peer's log
		http.Error(w, "error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body) // ignore a client that has left
}
