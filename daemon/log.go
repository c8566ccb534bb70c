package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
)

// panicked is the error of a panic. Its text contains only the type of the value.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprintf("panic with a %T", p.value) }

// requestID returns the id of one request, for the log and the client.
func requestID() string { return strconv.FormatUint(rand.Uint64(), 36) } //nolint:gosec // it is no secret

// log writes a line about the request: its call and its result, never its parameters. Lines about
// refused and failed requests are limited, because a client can repeat such requests.
func (a *API) log(r *http.Request, id string, o Observation, said answer) {
	level := said.level(o)
	if said.unheard(r) {
		level = slog.LevelDebug
	}
	if a.Log == nil || !a.Log.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request", id), slog.String("method", r.Method), slog.String("call", o.Call),
		slog.Int("code", o.Code), slog.String("status", o.Status), slog.Duration("took", o.Took),
		slog.String("client", ratelimit.ClientAddress(r, a.Proxies).String()),
	}
	if said.key != "" {
		attrs = append(attrs, slog.String("key", said.key.Fingerprint()))
	}
	if said.problem != nil {
		attrs = append(attrs, slog.String("error", said.problem.Error()))
	}
	switch {
	case o.Code == http.StatusTooManyRequests:
		subject := ratelimit.AddressBlock(ratelimit.ClientAddress(r, a.Proxies)).String()
		a.refused.Log(r.Context(), a.Log, loglimit.Event{Subject: subject, Level: level, Message: "client refused", Attrs: attrs})
	case level == slog.LevelError:
		a.failed.Log(r.Context(), a.Log, loglimit.Event{Subject: said.problem.Error(), Level: level, Message: "answered", Attrs: attrs})
	default:
		a.Log.LogAttrs(r.Context(), level, "answered", attrs...)
	}
}

// level returns the log level of an answer: error for an error of this daemon, info for a change or
// a refused client, debug otherwise.
func (said answer) level(o Observation) slog.Level {
	switch {
	case said.problem != nil:
		return slog.LevelError
	case o.Status == statusSuccess && o.Call != callInfo, o.Code == http.StatusTooManyRequests:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// unheard reports whether the request was cancelled because the client disconnected. That is not an
// error of this daemon.
func (said answer) unheard(r *http.Request) bool {
	return errors.Is(said.problem, context.Canceled) && r.Context().Err() != nil
}
