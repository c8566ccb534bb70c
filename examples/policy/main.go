// Policy serves upgrades and renews with a shop's own rules: a stricter password policy, and messages in
// the language of its customers.
//
//	POST /aktivieren   key, login, pwd, country    an upgrade
//	POST /erneuern     the same parameters         a renew
//
// A rule on passwords can be in tasks.Rules.Password, for renews only, or in the host, as checkAccount is here.
// Engine.Accept checks a rule of tasks.Rules, in a fixed order with all the other reasons to refuse. The host checks
// its own rules before it calls the engine. A rule of the host must have no side effects, because the host checks it
// before the engine checks the key.
//
// Messages are not a setting. The engine refuses with a tasks.Refusal. The value of a refusal is a stable code, and its
// Error method returns the sentence of keyseat's API documentation. To use other sentences, map the codes to them. /API/
// itself returns exactly the documented sentences, because its clients compare them. One of the documented sentences says
// that a password needs ten characters, even if the rules require more. So mount /API/ only with the default rules.
//
//	go run ./examples/policy
//	curl -d key=MEIN-SCHLUESSEL -d login=anna@example.com -d 'pwd=long enough, 1' -d country=DE http://127.0.0.1:8080/aktivieren
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// rules returns keyseat's default rules with a longer minimum for passwords.
func rules() tasks.Rules {
	r := tasks.DefaultRules()
	r.Password.Length = 14
	return r
}

// open returns an engine on a store in memory, with a plan and two keys.
func open(ctx context.Context) (tasks.Engine, error) {
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, keyring.New(master), rules())
	err := store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("plan-1", "DE", 5)})
	if err != nil {
		return engine, err
	}
	batch := adminstore.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	return engine, store.ImportKeys(ctx, batch, adminstore.Rows(
		keys.Key{Code: "MEIN-SCHLUESSEL", Status: keys.Active},
		keys.Key{Code: "BENUTZT", Status: keys.Success, Used: true},
	))
}

func run(ctx context.Context) error {
	engine, err := open(ctx)
	if err != nil {
		return err
	}
	pool := worker.New(engine)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: routes(engine, pool.Wake), ReadTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	err = pool.Run(ctx, 10*time.Second)
	if listen := <-failed; !errors.Is(listen, http.ErrServerClosed) {
		err = errors.Join(err, listen)
	}
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func routes(engine tasks.Engine, wake func()) *http.ServeMux {
	mux := http.NewServeMux()
	for path, kind := range map[string]tasks.Kind{"/aktivieren": tasks.Upgrade, "/erneuern": tasks.Renew} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
			code, text := response(accept(r, engine, kind))
			if code == http.StatusAccepted {
				wake()
			}
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(code)
			_, _ = fmt.Fprintln(w, text) // ignore a client that has disconnected
		})
	}
	return mux
}

// accept calls the engine, unless the shop's own rule refuses the request.
func accept(r *http.Request, engine tasks.Engine, kind tasks.Kind) error {
	code, err := keys.ParseTyped(r.PostFormValue("key"))
	if err != nil {
		return tasks.UnknownKey
	}
	account := tasks.Account{Login: tasks.NewSecret(r.PostFormValue("login")), Password: tasks.NewSecret(r.PostFormValue("pwd"))}
	if err := checkAccount(account); err != nil {
		return err
	}
	return engine.Accept(r.Context(), tasks.Request{Kind: kind, Code: code, Country: r.PostFormValue("country"), Account: account})
}

var errCommonPassword = errors.New("the password is easy to guess")

// commonPasswords lists passwords that are long enough but easy to guess.
var commonPasswords = []string{"passwort1234567", "123456789012345", "qwertzuiopü123"}

// checkAccount is the shop's own rule.
func checkAccount(a tasks.Account) error {
	if slices.Contains(commonPasswords, strings.ToLower(a.Password.Reveal())) {
		return errCommonPassword
	}
	return nil
}

// messages has a message for every refusal. A test checks that.
var messages = map[tasks.Refusal]string{
	tasks.UnknownKey:      "Diesen Schlüssel kennen wir nicht.",
	tasks.PasswordMissing: "Bitte geben Sie das Passwort an.",
	tasks.PasswordWeak:    fmt.Sprintf("Das Passwort braucht mindestens %d Zeichen, darunter eine Ziffer oder ein Sonderzeichen.", rules().Password.Length),
	tasks.LoginMissing:    "Bitte geben Sie den Benutzernamen an.",
	tasks.CountryInvalid:  "Bitte wählen Sie ein Land.",
	tasks.EmailInvalid:    "Die neue E-Mail-Adresse ist ungültig.",
	tasks.KeyGone:         "Dieser Schlüssel gilt nicht mehr.",
	tasks.UpgradeOpen:     "Die Aktivierung läuft bereits.",
	tasks.RenewOpen:       "Die Erneuerung läuft bereits.",
	tasks.KeyUsed:         "Dieser Schlüssel ist in Gebrauch. Erneuern Sie ihn, wenn das Konto nicht mehr aktiv ist.",
	tasks.KeyUnused:       "Dieser Schlüssel ist frei: Sie können ihn aktivieren.",
	tasks.KeyLegacy:       "Dieser Schlüssel stammt aus dem alten System. Bitte wenden Sie sich an den Kundendienst.",
}

// response returns the HTTP status and the customer's message for the result of a request.
func response(err error) (status int, text string) {
	refusal, refused := errors.AsType[tasks.Refusal](err)
	limited, tooMany := errors.AsType[tasks.RateLimited](err)
	switch {
	case err == nil:
		return http.StatusAccepted, "Angenommen. In wenigen Minuten ist es so weit."
	case refused:
		return http.StatusConflict, messages[refusal]
	case errors.Is(err, errCommonPassword):
		return http.StatusConflict, "Dieses Passwort wird als Erstes ausprobiert. Bitte wählen Sie ein anderes."
	case tooMany:
		return http.StatusTooManyRequests, fmt.Sprintf("Bitte versuchen Sie es in %.0f Minuten wieder.", math.Ceil(limited.RetryAfter.Minutes()))
	}
	return http.StatusServiceUnavailable, "Bitte versuchen Sie es gleich noch einmal." // a real shop logs the error
}
