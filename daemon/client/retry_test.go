package client_test

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/tasks"
)

const sent = `{"status":"success","message":"sent"}`

// TestRetries checks how often a read and a change are sent, the resulting errors, and the time that this
// takes.
func TestRetries(t *testing.T) {
	good := step{status: 200, body: sent}
	busy := func(status int, after string) step { return step{status: status, header: "Retry-After: " + after} }
	documented := func(message string) step {
		return step{status: 200, header: "Retry-After: 3", body: `{"status":"error","message":"` + message + `"}`}
	}
	later := new(client.RetryLaterError)
	for what, c := range map[string]struct {
		steps        []step
		read, change int // the number of times that it is sent
		err          []error
		took         time.Duration // the minimum time of the change; more than a second above it is too long
	}{
		"good":               {[]step{good}, 1, 1, nil, 0},
		"refused connection": {[]step{{dial: syscall.ECONNREFUSED}, {dial: syscall.ECONNREFUSED}, good}, 3, 3, nil, 0},
		"never there":        {[]step{{dial: syscall.ECONNREFUSED}}, 4, 4, []error{client.ErrNoResponse, syscall.ECONNREFUSED}, 0},
		"cut":                {[]step{{cut: syscall.ECONNRESET}, good}, 2, 1, []error{client.ErrNoResponse, client.ErrUnknown, syscall.ECONNRESET}, 0},
		"cut within":         {[]step{{status: 200, body: sent, cut: syscall.ECONNRESET}}, 1, 1, []error{client.ErrNoResponse, client.ErrUnknown}, 0},
		"silent":             {[]step{{}, good}, 2, 1, []error{client.ErrNoResponse, client.ErrUnknown}, client.DefaultTimeout},
		"away":               {[]step{busy(503, "2"), good}, 2, 1, []error{client.ErrUnknown}, 0},
		"too many":           {[]step{busy(429, "3"), good}, 2, 2, nil, 3 * time.Second},
		"away, with 200":     {[]step{documented("System error, try again and if the problem persists contact support"), good}, 2, 1, []error{client.ErrUnknown}, 0},
		"too many, with 200": {[]step{documented("Too many requests, try again later"), good}, 2, 2, nil, 3 * time.Second},
		"and still too many": {[]step{documented("Too many requests, try again later")}, 4, 4, []error{later}, 9 * time.Second},
		"too many for long":  {[]step{busy(429, "86400"), good}, 1, 1, []error{later}, 0},
		"still too many":     {[]step{busy(429, "1")}, 4, 4, []error{later}, 3 * time.Second},
		"then refused":       {[]step{busy(429, "1"), {dial: syscall.ECONNREFUSED}}, 4, 4, []error{client.ErrNoResponse}, time.Second},
		"then cut":           {[]step{busy(429, "1"), {cut: net.ErrClosed}}, 4, 2, []error{client.ErrNoResponse, client.ErrUnknown}, time.Second},
		"a date to come":     {[]step{busy(429, "Sat, 01 Jan 2000 01:00:00 GMT"), good}, 1, 1, []error{later}, 0}, // the bubble's clock begins an hour before
		"garbage":            {[]step{busy(429, "soon"), good}, 2, 2, nil, 0},
		"a date":             {[]step{busy(429, "Mon, 01 Jan 1990 00:00:00 GMT"), good}, 2, 2, nil, 0},
		"bad gateway":        {[]step{{status: 502}, good}, 2, 1, []error{client.ErrUnknown}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			reader, read := open(t, c.steps...)
			_, _ = reader.Info(t.Context(), code)
			changer, change := open(t, c.steps...)
			start := time.Now()
			err := changer.Upgrade(t.Context(), code, account, "US")
			took := time.Since(start)
			if len(read.sent) != c.read || len(change.sent) != c.change || took < c.took || took > c.took+time.Second {
				t.Errorf("%s: read %d times, changed %d times, in %s", what, len(read.sent), len(change.sent), took)
			}
			if slices.Contains(c.err, error(later)) {
				if l, is := errors.AsType[*client.RetryLaterError](err); !is || l.Status != 429 || l.RetryAfter == 0 || errors.Is(err, client.ErrUnknown) {
					t.Errorf("%s: %v", what, err)
				}
				return
			}
			checkErr(t, what, err, c.err...)
		})
	}
}

// TestContextEnds ends the context at each possible moment.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for what, s := range map[string]step{
			"while there is no response":          {},
			"while it waits for the next attempt": {status: 429, header: "Retry-After: 5"},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			c, w := open(t, s)
			err := c.Upgrade(ctx, code, account, "US")
			if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, client.ErrUnknown) != (s.status == 0) || len(w.sent) != 1 {
				t.Errorf("%s: %v, sent %d times", what, err, len(w.sent))
			}
			cancel()
			before := len(w.sent)
			if _, err := c.Info(ctx, code); !errors.Is(err, client.ErrNoResponse) || len(w.sent) > before+1 {
				t.Errorf("%s: %v, sent %d times", what, err, len(w.sent))
			}
		}
	})
}

// TestOptions checks the defaults of the options, and the options that are rejected.
func TestOptions(t *testing.T) {
	for base, want := range map[string]error{
		"https://keys.example/": nil, "http://127.0.0.1:8080": nil, "keys.example": client.ErrBase,
		"https://canary@keys.example": client.ErrBaseParts, "http://keys.example": client.ErrPlaintext,
	} {
		_, err := client.New(base, client.Options{})
		_, same := client.NewAdmin(base, tasks.NewSecret("t"), client.Options{})
		if !errors.Is(err, want) || !errors.Is(same, want) {
			t.Errorf("%s: %v, %v", base, err, same)
		}
	}
	if _, err := client.New("http://keys.example", client.Options{Plaintext: true}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "a b", "a\r\nb", "é"} {
		if _, err := client.NewAdmin("https://keys.example", tasks.NewSecret(bad), client.Options{}); !errors.Is(err, client.ErrToken) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	w := &wire{steps: []step{{dial: syscall.ECONNREFUSED}}}
	c, err := client.New("https://keys.example", client.Options{Transport: w, Repeats: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Stock(t.Context()); !errors.Is(err, client.ErrNoResponse) || len(w.sent) != 1 {
		t.Errorf("%v, sent %d times", err, len(w.sent))
	}
}

// TestConnectionRefused uses the real transport with a port on which no server listens.
func TestConnectionRefused(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	c, err := client.New(server.URL, client.Options{Repeats: -1})
	if err != nil {
		t.Fatal(err)
	}
	checkErr(t, "nobody", c.Upgrade(t.Context(), code, account, "US"), client.ErrNoResponse, syscall.ECONNREFUSED)
}
