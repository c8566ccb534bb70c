// Provider is a service for keyseat's HTTP connector to ask: a starting point for an operator's own.
// What it does at the provider is pretended (pretend.go); everything round it is meant to be kept:
//
//		keyseatd ──POST /upgrade, /renew──▶ service ──▶ ledger: "begun"     (on disk before anything is done)
//		                                       │
//		                                       ├──────▶ provider.Do        (yours)
//		                                       ├──────▶ ledger: the answer  (on disk before it is told)
//		         ◀── 200 outcome, or 202 ──────┘
//
//	  - The same Idempotency-Key never does a thing twice: it gets the answer that the ledger has, or a
//	    202 while the work goes on, also after this service was killed in the middle.
//	  - What a crash has interrupted is done again with again = true: then ask the provider first what
//	    has become of it.
//	  - Work goes on when the asking ends. Who asks again waits with it.
//	  - No login and no password is in the ledger, a log or an answer.
//
// Run it, and a daemon that asks it:
//
//	openssl rand -hex 32 > token
//	go run ./examples/provider -token-file token -ledger ledger.jsonl
//	keyseatd serve --connector http://127.0.0.1:9090 --connector-token-file token
//
// To another machine the daemon speaks HTTPS only: put this behind a proxy that does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func run(ctx context.Context, listen, tokenFile, ledgerFile string) error {
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return err
	}
	if len(strings.TrimSpace(string(token))) < 16 {
		return errors.New("the token is shorter than 16 characters")
	}
	book, err := openLedger(ledgerFile)
	if err != nil {
		return err
	}
	s := newService(strings.TrimSpace(string(token)), book, &pretend{takes: time.Second})
	server := &http.Server{Addr: listen, Handler: s, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.WithoutCancel(ctx)) })
	fmt.Println("listening on", listen)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	s.stop() // what is cut short is found out about when it is asked for again
	return book.Close()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listen := flag.String("listen", "127.0.0.1:9090", "address to listen on")
	token := flag.String("token-file", "token", "file with the token that keyseatd shows")
	book := flag.String("ledger", "ledger.jsonl", "file of what was begun and done")
	flag.Parse()
	if err := run(ctx, *listen, *token, *book); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
