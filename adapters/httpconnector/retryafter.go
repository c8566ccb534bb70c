package httpconnector

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter returns the pause in the Retry-After header of a response: a number of seconds or a date (RFC
// 9110, section 10.2.3). It returns 0 without the header, and for any other text. The pause has no upper
// bound, so callers must limit it.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, _ := strconv.ParseInt(text, 10, 64) // ParseInt returns the largest value if the number is too large
		return time.Duration(min(seconds, math.MaxInt64/int64(time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(sent(h)))
}

// sent returns the time at which the response was sent, by the service's own clock, because a date in Retry-After
// is by that clock. Without a Date header it returns the current time.
func sent(h http.Header) time.Time {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at
	}
	return time.Now()
}
