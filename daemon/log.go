package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/daemon/ratelimit"
)

// An Observation describes one answered request, for metrics and traces. A request that was cancelled because
// its client disconnected is not observed.
type Observation struct {
	Call    string // info, renew, upgrade, stock or none
	Status  string // status in the body
	Code    int    // HTTP status, as with RealStatus
	Took    time.Duration
	Context context.Context // of the request
}

// A panicError is the error of a panic. Its text contains only the type of the value.
type panicError struct{ value any }

func (p panicError) Error() string { return fmt.Sprintf("panic with a %T", p.value) }

// logRequest logs the call and the result of a request, never its parameters. Lines about refused and failed requests
// are limited, because a client can repeat such requests.
func (a *API) logRequest(r *http.Request, id string, o Observation, resp response) {
	level := resp.level(r, o)
	if a.Log == nil || !a.Log.Enabled(r.Context(), level) {
		return
	}
	client := ratelimit.ClientAddress(r, a.Proxies)
	attrs := []slog.Attr{
		slog.String("request", id), slog.String("method", r.Method), slog.String("call", o.Call),
		slog.Int("code", o.Code), slog.String("status", o.Status), slog.Duration("duration", o.Took),
		slog.String("client", client.String()),
	}
	if resp.key != "" {
		attrs = append(attrs, slog.String("key", a.Engine.Fingerprints.Fingerprint(resp.key)))
	}
	if resp.err != nil {
		attrs = append(attrs, slog.String("error", resp.err.Error()))
	}
	switch {
	case o.Code == http.StatusTooManyRequests:
		subject := ratelimit.AddressBlock(client).String()
		a.refusedLog.Log(r.Context(), a.Log, loglimit.Event{Subject: subject, Level: level, Message: "client refused", Attrs: attrs})
	case level == slog.LevelError:
		a.failedLog.Log(r.Context(), a.Log, loglimit.Event{Subject: resp.err.Error(), Level: level, Message: "answered", Attrs: attrs})
	default:
		a.Log.LogAttrs(r.Context(), level, "answered", attrs...)
	}
}

// level returns the log level of a response: error for an error of this daemon, info for a change or
// a refused client, debug otherwise.
func (resp response) level(r *http.Request, o Observation) slog.Level {
	switch {
	case resp.clientGone(r):
		return slog.LevelDebug
	case resp.err != nil:
		return slog.LevelError
	case o.Status == statusSuccess && o.Call != callInfo, o.Code == http.StatusTooManyRequests:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// clientGone reports whether the request was cancelled because the client disconnected. That is not
// an error of this daemon.
func (resp response) clientGone(r *http.Request) bool {
	return errors.Is(resp.err, context.Canceled) && r.Context().Err() != nil
}
