package main

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

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

// errCommonPassword is the shop's own refusal.
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
