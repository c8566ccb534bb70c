package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/httputil"
)

// An Answer is the result of one attempt.
type Answer struct {
	Status int           // 0: the endpoint sent no response
	After  time.Duration // the pause of Retry-After, or 0
	Note   string        // for the operator; contains no part of the endpoint's URL except the host
}

// OK reports whether the endpoint has accepted the event.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Send makes one attempt to send an event to an endpoint.
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
	defer func() { _ = response.Body.Close() }()                         // an error has no consequence
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // so that the connection can be reused
	return Answer{response.StatusCode, httputil.RetryAfter(response.Header), ""}
}

// maxAnswer is the maximum number of bytes of a response that Send reads and discards.
const maxAnswer = 64 << 10

// maxNote is the maximum length of an error text in a note, in bytes.
const maxNote = 200

// describe returns the text of a network error without the URL.
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
