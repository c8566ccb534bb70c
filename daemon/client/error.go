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

// What can go wrong beside what the daemon itself says.
var (
	// ErrNoAnswer says that there was none: the daemon cannot be reached, or not in time.
	ErrNoAnswer = errors.New("client: no answer")

	// ErrAnswer says that an answer is not what a daemon answers, or is too long. Something else may
	// listen there.
	ErrAnswer = errors.New("client: the answer cannot be read")

	// ErrUnknown says that a request which changes something may have been carried out, or may be any
	// moment. It stands beside the error that says why. See the method for what to do.
	ErrUnknown = errors.New("client: it is not known whether the request was carried out")
)

var errRequest = errors.New("client: the request cannot be written down")

// A RetryLaterError is an answer that asks to come back.
type RetryLaterError struct {
	Status     int           // 429: too many requests; 503: the database is away, or the daemon is stopping
	RetryAfter time.Duration // when to come back; 0: it does not say
}

// Error names the status and the pause.
func (l *RetryLaterError) Error() string {
	return fmt.Sprintf("client: status %d, to be tried again in %s", l.Status, l.RetryAfter)
}

// A StatusError is an answer that is none of the documented ones, but for [RetryLaterError] and [Problem].
type StatusError struct {
	Code    int
	Message string // the daemon's, for people; "" for none. It is not part of the error's text.
}

// Error names the status.
func (s *StatusError) Error() string { return "client: status " + strconv.Itoa(s.Code) }

// A RefusedError is an upgrade or a renew that the API refuses. With [errors.Is] it is the [tasks.Refusal]
// that it says.
type RefusedError struct {
	Refusal tasks.Refusal // "" if the sentence is one that this package does not know
	Message string        // the API's sentence, for people
}

// Error is the sentence, if it is one of those that the API documents.
func (r *RefusedError) Error() string {
	if r.Refusal == "" {
		return "client: the request was refused in words of the daemon's own"
	}
	return r.Refusal.Error()
}

// Unwrap gives the refusal, if it is known.
func (r *RefusedError) Unwrap() error {
	if r.Refusal == "" {
		return nil
	}
	return r.Refusal
}

// unknown adds to an error that the request may have been carried out.
func unknown(err error) error { return fmt.Errorf("%w: %w", ErrUnknown, err) }

// noAnswer says why there was none, in words of our own: an error of net/http may quote the URL or
// what was received.
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
