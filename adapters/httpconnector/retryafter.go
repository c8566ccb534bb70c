package httpconnector

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter is the pause that an answer asks for, 0 for none: a count of seconds or a date (RFC
// 9110, section 10.2.3). What is neither is ignored. Who obeys it has to bound it.
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
	return max(0, at.Sub(sent(h)))
}

// sent is when the answer was sent, by the clock that its Retry-After means: the service's own.
func sent(h http.Header) time.Time {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at
	}
	return time.Now()
}
