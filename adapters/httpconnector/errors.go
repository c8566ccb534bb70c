package httpconnector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/internal/httpclient"
)

// describeError describes an error without quoting it, because an error of net/http may quote the URL, a header of the
// response, or the token.
func describeError(ctx context.Context, err error) string {
	unreadable, isUnreadable := errors.AsType[unreadableError](err)
	fault := httpclient.ServerFault(err)
	switch {
	case ctx.Err() != nil:
		return endReason(ctx)
	case isUnreadable:
		return unreadable.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case fault != "":
		return "the service's " + fault
	case httpclient.IsTimeout(err):
		return "no connection in time"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection lost"
	}
	return "connection failed"
}

// endReason returns the reason why the attempt's context has ended: the connector's timeout, or the caller.
func endReason(ctx context.Context) string {
	if timeout, is := errors.AsType[timeoutError](context.Cause(ctx)); is {
		return timeout.Error()
	}
	return "cancelled"
}

// timeoutError is the error of an attempt that has exceeded the timeout.
type timeoutError time.Duration

func (t timeoutError) Error() string { return "no answer in " + time.Duration(t).String() }

// unreadableError is the reason why a response with status 200 cannot be read. It quotes nothing of the response,
// which may hold a secret.
type unreadableError string

func (u unreadableError) Error() string { return "status 200, the answer " + string(u) }

const (
	errTooLong   unreadableError = "is longer than 64 KiB"
	errEmpty     unreadableError = "is empty"
	errMarkup    unreadableError = "is not JSON: it begins with <, as a page or a PHP notice does"
	errNoJSON    unreadableError = "is not JSON"
	errCut       unreadableError = "is JSON that ends too early"
	errAfter     unreadableError = "is JSON with something after it"
	errNoObject  unreadableError = "is JSON, but not an object"
	errType      unreadableError = "has a field that is not text"
	errNoOutcome unreadableError = "has no outcome"
)

// unreadableReason returns the reason why a body does not decode.
func unreadableReason(body []byte, err error) error {
	var kind *json.UnmarshalTypeError
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return errEmpty
	case body[0] == '<':
		return errMarkup
	case errors.As(err, &kind) && kind.Field == "":
		return errNoObject
	case errors.As(err, &kind):
		return errType
	case json.NewDecoder(bytes.NewReader(body)).Decode(new(json.RawMessage)) == nil:
		return errAfter
	case strings.HasPrefix(err.Error(), "unexpected end"):
		return errCut
	}
	return errNoJSON
}
