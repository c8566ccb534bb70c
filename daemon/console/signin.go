package console

import (
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
)

const cookieName = "keyseat_console"

// signInPage shows the form for the token.
func (v *visit) signInPage() error { return v.askIn(http.StatusOK, "") }

func (v *visit) askIn(status int, fault string) error {
	return v.show(status, page{"signin", "Sign in", "", fault})
}

// signIn opens a session for a valid token. Wrong tokens are limited per client address. Tokens are too
// long to guess, so the limit only keeps repeated attempts from making noise.
func (v *visit) signIn() error {
	client := ratelimit.ClientAddress(v.r, v.Proxies)
	if wait := v.guesses.Blocked(client); wait > 0 {
		v.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return v.askIn(http.StatusTooManyRequests, "Too many wrong tokens were shown from your address. Try again in a minute.")
	}
	text := keys.Trim(v.r.PostFormValue("token"))
	token, err := v.Tokens.Find(text)
	if err != nil {
		return err
	}
	v.noted(token, client)
	if token.Role == "" {
		v.guesses.Record(v.r.Context(), client)
		return v.askIn(http.StatusForbidden, "Nobody has this token.")
	}
	if before := v.cookie(); before != nil {
		v.sessions.end(before)
	}
	v.bake(v.sessions.begin(text).id, int(maxAge.Seconds()))
	v.goTo("/")
	return nil
}

// noted logs a sign-in or a failed attempt. The number of lines about failed attempts is limited.
func (v *visit) noted(token admin.Token, client netip.Addr) {
	attrs := []slog.Attr{slog.String("action", "sign in"), slog.String("token", token.Name), slog.String("client", client.String())}
	if token.Role != "" {
		v.Log.LogAttrs(v.r.Context(), slog.LevelInfo, "console", attrs...)
		return
	}
	attrs[1] = slog.String("token", "nobody")
	v.denied.Log(v.r.Context(), v.Log, loglimit.Event{Subject: client.String(), Level: slog.LevelWarn, Message: "console", Attrs: attrs})
}

func (v *visit) signOut() error {
	v.sessions.end(v.session)
	v.bake("", -1)
	v.goTo("/console/signin")
	return nil
}

// bake sets the session cookie for the given number of seconds. A negative number deletes the cookie.
func (v *visit) bake(id string, seconds int) {
	http.SetCookie(v.w, &http.Cookie{
		Name: cookieName, Value: id, Path: "/", MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: v.encrypted(),
	})
}

// encrypted reports whether the browser uses TLS, with the daemon or with a proxy. It trusts
// X-Forwarded-Proto. A client that forges this header only marks its own cookie as Secure, so its browser
// does not send the cookie back.
func (v *visit) encrypted() bool {
	return v.r.TLS != nil || strings.EqualFold(v.r.Header.Get("X-Forwarded-Proto"), "https")
}
