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

// newHTTP tames go-retryablehttp, which as it comes logs URLs, repeats any POST, follows redirects,
// obeys any Retry-After, and hides the last answer.
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

// A patience decides what is repeated, and after what time.
type patience struct{ most time.Duration }

// again says whether to repeat a try that has ended so.
func (p patience) again(ctx context.Context, r *http.Response, err error) (bool, error) {
	trail := followed(ctx)
	again := false
	switch {
	case ctx.Err() != nil, untrusted(err):
	case err != nil:
		again = !trail.once || !trail.maybeSent()
	case retryAfter(r.Header) <= p.most:
		again = r.StatusCode == http.StatusTooManyRequests || // nothing was stored
			!trail.once && slices.Contains(passing, r.StatusCode)
	}
	if again {
		trail.forget()
	}
	return again, nil
}

// passing are the statuses of a trouble that will pass.
var passing = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// untrusted says whether the daemon's certificate is not trusted, which no repetition changes.
func untrusted(err error) bool {
	_, is := errors.AsType[*tls.CertificateVerificationError](err)
	return is
}

// The pauses where the daemon names none: they double from the first on, up to the last.
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
	return pause - time.Duration(rand.Float64()*float64(pause)/2) // apart from others who failed at the same time
}

// retryAfter is the pause that an answer asks for, 0 for none: a count of seconds or a date (RFC
// 9110, section 10.2.3), the date by the sender's own clock.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, _ := strconv.ParseInt(text, 10, 64) // the largest there is, if it is too large
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
