package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keyseat/keyseat/internal/httpclient"

	"github.com/keyseat/keyseat/tasks"
)

// A Response is the endpoint's response to one attempt, or the reason why no response came.
type Response struct {
	Status     int           // 0: the endpoint sent no response
	RetryAfter time.Duration // the pause of Retry-After, or 0
	Note       string        // for the operator; contains no part of the endpoint's URL except the host
}

// OK reports whether the endpoint has accepted the event.
func (r Response) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Send makes one attempt to send an event to an endpoint.
func Send(ctx context.Context, client *http.Client, to Endpoint, e Event) Response {
	body, err := e.Body()
	if err != nil {
		return Response{Note: "the event cannot be encoded"}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL.Reveal(), bytes.NewReader(body))
	if err == nil {
		err = sign(request.Header, e.ID, time.Now(), body, to.Secrets)
	}
	if err != nil {
		return Response{Note: "the request cannot be made"}
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "keyseat")
	response, err := client.Do(request)
	if err != nil {
		return Response{Note: describe(err)}
	}
	defer func() { _ = response.Body.Close() }()                           // an error has no consequence
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxResponse)) // so that the connection can be reused
	return Response{response.StatusCode, httpclient.RetryAfter(response.Header), ""}
}

// maxResponse is the maximum number of bytes of a response that Send reads and discards.
const maxResponse = 64 << 10

// maxNote is the maximum length of an error text in a note, in bytes.
const maxNote = 200

// describe returns the text of a network error without the URL.
func describe(err error) string {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v", callTimeout)
	}
	if errors.Is(err, context.Canceled) {
		return "cancelled, because the daemon stops"
	}
	note := strings.ToValidUTF8(err.Error(), "")
	return strings.ToValidUTF8(note[:min(len(note), maxNote)], "")
}

// sign sets the headers of one attempt. It adds one signature for each secret, so that a receiver can
// change from the old secret to the new one at any time.
func sign(h http.Header, id string, at time.Time, body []byte, secrets []tasks.Secret) error {
	var signatures []string
	for _, secret := range secrets {
		hook, err := standard.NewWebhook(secret.Reveal())
		if err != nil {
			return errSecret
		}
		signature, err := hook.Sign(id, at, body)
		if err != nil {
			return errSecret
		}
		signatures = append(signatures, signature)
	}
	h.Set(standard.HeaderWebhookID, id)
	h.Set(standard.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standard.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}
