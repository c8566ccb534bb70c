// Provider is a service that keyseat's HTTP connector calls. It is a starting point for your own service.
// The type simulated stands for the work at the provider. Replace it, and keep everything around it:
//
//	keyseatd ──POST /upgrade, /renew──▶ service ──▶ ledger: started    (on disk before anything is done)
//	                                       │
//	                                       ├──────▶ provider.Do        (yours)
//	                                       ├──────▶ ledger: the answer  (on disk before it is sent)
//	         ◀── 200 outcome, or 202 ──────┘
//
// The service follows these rules:
//
//   - Requests with the same Idempotency-Key cause the work once. Later requests get the ledger's answer, or
//     a 202 while the work goes on. This holds even if the service was killed during the work.
//   - After a crash, interrupted work runs again with retried = true. Then check first at the provider whether
//     the work was done.
//   - Work goes on when its HTTP request ends. A repeated request waits for the same work.
//   - No login and no password is in the ledger, a log or an answer.
//
// Run the service, and a daemon that calls it:
//
//	(umask 077; openssl rand -hex 32 > token)
//	go run ./examples/provider -token-file token -ledger ledger.jsonl
//	keyseatd serve --connector http://127.0.0.1:9090 --connector-token-file token
//
// The daemon calls another machine by HTTPS only. So put this service behind a proxy that speaks HTTPS.
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
	"sync"
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
	l, err := openLedger(ledgerFile)
	if err != nil {
		return err
	}
	s := newService(strings.TrimSpace(string(token)), l, &simulated{duration: time.Second})
	server := &http.Server{Addr: listen, Handler: s, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.WithoutCancel(ctx)) })
	fmt.Println("listening on", listen)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	s.stop() // interrupted work runs again when keyseat repeats the request
	return l.Close()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listen := flag.String("listen", "127.0.0.1:9090", "address to listen on")
	tokenFile := flag.String("token-file", "token", "file with the token that keyseatd sends")
	ledgerFile := flag.String("ledger", "ledger.jsonl", "file of started and ended orders")
	flag.Parse()
	if err := run(ctx, *listen, *tokenFile, *ledgerFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A simulated provider ends each order with the outcome that the login's local part names, or else with
// success. It counts how often it has carried out each order.
//
// Your own provider must do more. If retried is true, it first checks whether the account is in the plan already. It
// returns a certain result as an answer (account_locked, plan_full, …), and an uncertain result as an error. The service
// logs this error, so the error must contain no login or password.
type simulated struct {
	duration time.Duration

	mu   sync.Mutex
	done map[string]int // number of executions, by reference
}

// Do implements [provider].
func (p *simulated) Do(ctx context.Context, reference string, o order, retried bool) (answer, error) {
	if retried && p.count(reference) > 0 {
		return p.answer(o), nil // the work was done, and only the answer was lost
	}
	timer := time.NewTimer(p.duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return answer{}, ctx.Err()
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = map[string]int{}
	}
	p.done[reference]++
	return p.answer(o), nil
}

func (p *simulated) count(reference string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done[reference]
}

// outcomes lists the outcomes, each with the kind of task that it belongs to, or "" for both kinds.
var outcomes = map[string]string{
	"system_error": "", "invalid_credentials": "", "account_locked": "",
	"already_premium": "upgrade", "upgraded_recently": "upgrade", "plan_expired": "upgrade", "plan_full": "upgrade",
	"plan_invalid": "upgrade", "already_member": "upgrade", "wrong_address": "upgrade", "out_of_stock": "upgrade",
	"still_premium": "renew",
}

func (*simulated) answer(o order) answer {
	local, _, _ := strings.Cut(o.Account.Login, "@")
	if kind, known := outcomes[local]; known && (kind == "" || kind == o.Kind) {
		return answer{Outcome: local}
	}
	a := answer{Outcome: "success"}
	if o.Kind == "upgrade" {
		a.Username = "member of " + o.Plan.ID
	}
	return a
}
