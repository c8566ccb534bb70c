package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// The errors that the daemon itself does not report.
var (
	// ErrNoAnswer says that the client got no response, or not in time.
	ErrNoAnswer = errors.New("client: no answer")

	// ErrAnswer says that the response is too long, or is not a response of a daemon. Perhaps the server at
	// the base URL is not a daemon.
	ErrAnswer = errors.New("client: the answer cannot be read")

	// ErrUnknown says that a request that changes data may have been carried out, or may be carried out
	// soon. The error also wraps the reason. The methods document what to do.
	ErrUnknown = errors.New("client: it is not known whether the request was carried out")
)

var errRequest = errors.New("client: the request cannot be written down")

// A RetryLaterError is a response that asks the client to retry later.
type RetryLaterError struct {
	Status     int           // 429: too many requests; 503: the database is away, or the daemon is stopping
	RetryAfter time.Duration // the time to wait; 0: the response does not say
}

// Error returns the status and the time to wait.
func (l *RetryLaterError) Error() string {
	return fmt.Sprintf("client: status %d, to be tried again in %s", l.Status, l.RetryAfter)
}

// A StatusError is an undocumented response. Documented responses become [RetryLaterError], [Problem] or
// [RefusedError].
type StatusError struct {
	Code    int
	Message string // the daemon's message for people, or "". The text of the error does not contain it.
}

// Error returns the status.
func (s *StatusError) Error() string { return "client: status " + strconv.Itoa(s.Code) }

// A RefusedError is an upgrade or a renew that the API refuses. It wraps its [tasks.Refusal], if this
// package knows it.
type RefusedError struct {
	Refusal tasks.Refusal // "" if this package does not know the sentence
	Message string        // the API's sentence, for people
}

// Error returns the sentence of the refusal if the API documents it, and a fixed text otherwise.
func (r *RefusedError) Error() string {
	if r.Refusal == "" {
		return "client: the request was refused in words of the daemon's own"
	}
	return r.Refusal.Error()
}

// Unwrap returns the refusal, or nil if it is not known.
func (r *RefusedError) Unwrap() error {
	if r.Refusal == "" {
		return nil
	}
	return r.Refusal
}

// unknown wraps an error with [ErrUnknown].
func unknown(err error) error { return fmt.Errorf("%w: %w", ErrUnknown, err) }

// noAnswer returns [ErrNoAnswer] with the reason. The text of the reason is the package's own, because an
// error of net/http may quote the URL or received data.
func noAnswer(ctx context.Context, err error) error {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		slow net.Error
		no   syscall.Errno
	)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrNoAnswer, ctx.Err())
	case errors.As(err, &dns):
		return fmt.Errorf("%w: the host name does not resolve", ErrNoAnswer)
	case errors.As(err, &cert):
		return fmt.Errorf("%w: the certificate is not trusted", ErrNoAnswer)
	case errors.As(err, &no):
		return fmt.Errorf("%w: %w", ErrNoAnswer, no)
	case errors.As(err, &slow) && slow.Timeout():
		return fmt.Errorf("%w: not in time", ErrNoAnswer)
	}
	return fmt.Errorf("%w: the connection failed", ErrNoAnswer)
}
