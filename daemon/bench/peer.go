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

// peers are what keyseatd is compared to, by name. They get what follows on the command line.
var peers = map[string]func(ctx context.Context, args []string) error{
	"constant":     peerConstant,
	"bare-info":    peerInfo,
	"bare-upgrade": peerUpgrade,
	"bare-sqlite":  peerSQLite,
	"river":        peerRiver,
}

// runPeer runs a peer until its standard input ends: then whoever started it is gone.
func runPeer(ctx context.Context, args []string) error {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // however it ends, it ends
		cancel()
	}()
	run, found := peers[args[0]]
	if !found {
		return fmt.Errorf("no such peer: %s", args[0])
	}
	return run(ctx, args[1:])
}

// serveAPI serves a handler at /API/, as plainly as net/http does, and says where.
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

// tell says something to whoever started the peer.
func tell(word string, what any) { _, _ = fmt.Fprintln(os.Stdout, word, what) }

// respond sends an answer, or says that there is none.
func respond(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err) // it is in the log then
		http.Error(w, "error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body) // a client that has left is no concern
}
