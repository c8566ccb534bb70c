package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// newHTTP configures go-retryablehttp. By default that package logs URLs, repeats any POST, follows
// redirects, obeys any Retry-After, and hides the last response.
func newHTTP(o Options) *retryablehttp.Client {
	p := patience{o.MaxWait}
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     watched{o.Transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       o.Timeout,
		},
		RetryMax:     o.Repeats,
		CheckRetry:   p.again,
		Backoff:      p.pause,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// A patience decides which attempts are repeated, and after which pause.
type patience struct{ most time.Duration }

// again decides whether to repeat an attempt with this result.
func (p patience) again(ctx context.Context, r *http.Response, err error) (bool, error) {
	trail := followed(ctx)
	again := false
	switch {
	case ctx.Err() != nil, untrusted(err):
	case err != nil:
		again = !trail.once || !trail.maybeSent()
	case retryAfter(r.Header) <= p.most:
		again = r.StatusCode == http.StatusTooManyRequests || // the daemon stored nothing
			!trail.once && slices.Contains(passing, r.StatusCode)
	}
	if again {
		trail.forget()
	}
	return again, nil
}

// passing lists the statuses of failures that are usually temporary.
var passing = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// untrusted reports whether the error is an untrusted certificate. A repetition cannot succeed then.
func untrusted(err error) bool {
	_, is := errors.AsType[*tls.CertificateVerificationError](err)
	return is
}

// The pauses after a response without Retry-After. They double from firstPause up to lastPause.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

func (patience) pause(_, _ time.Duration, n int, r *http.Response) time.Duration {
	if r != nil {
		if after := retryAfter(r.Header); after > 0 {
			return after
		}
	}
	pause := min(firstPause<<min(n, 10), lastPause)
	return pause - time.Duration(rand.Float64()*float64(pause)/2) // random, to spread the clients that failed simultaneously
}

// retryAfter returns the pause of the header Retry-After, or 0 if there is no pause. The header is a number
// of seconds or a date (RFC 9110, section 10.2.3). A date is compared with the header Date, which is the
// server's clock, or with the local clock if that header is missing.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, _ := strconv.ParseInt(text, 10, 64) // a number that is too large becomes the maximum
		return time.Duration(min(seconds, math.MaxInt64/int64(time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	sent, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		sent = time.Now()
	}
	return max(0, at.Sub(sent))
}
