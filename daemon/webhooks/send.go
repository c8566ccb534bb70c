package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// An Answer is what came of one attempt.
type Answer struct {
	Status int           // 0: there was none
	After  time.Duration // the pause that was asked for, 0 for none
	Note   string        // for the operator; nothing of the endpoint's URL but its host
}

// OK says whether the endpoint has taken the event.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Send tells an endpoint of an event once.
func Send(ctx context.Context, client *http.Client, to Endpoint, e Event) Answer {
	body, err := e.Body()
	if err != nil {
		return Answer{Note: "the event cannot be written"}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL.Reveal(), bytes.NewReader(body))
	if err == nil {
		err = sign(request.Header, e.ID, time.Now(), body, to.Secrets)
	}
	if err != nil {
		return Answer{Note: "the request cannot be made"}
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "keyseat")
	response, err := client.Do(request)
	if err != nil {
		return Answer{Note: describe(err)}
	}
	defer func() { _ = response.Body.Close() }()                         // nobody reads it
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // so that the connection is of use again
	return Answer{response.StatusCode, retryAfter(response.Header, time.Now()), ""}
}

// maxAnswer is how much of an answer is read, only to be thrown away.
const maxAnswer = 64 << 10

// maxNote is how much of an error is kept, in bytes.
const maxNote = 200

// describe tells an error of the network without the URL.
func describe(err error) string {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v", callTime)
	}
	if errors.Is(err, context.Canceled) {
		return "the call was cut, since the daemon stops"
	}
	note := strings.ToValidUTF8(err.Error(), "")
	return strings.ToValidUTF8(note[:min(len(note), maxNote)], "")
}

// retryAfter is the pause that an answer asks for, in seconds or until a date, 0 for none. Who obeys it
// has to bound it.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, _ := strconv.ParseInt(text, 10, 64) // the largest there is, if it is too large
		return time.Duration(min(seconds, math.MaxInt64/int64(time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}
