package httpconnector

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// words describes an error without quoting it, because an error of net/http may quote the URL, a header of the
// response, or the token.
func words(ctx context.Context, err error) string {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		slow net.Error
		said unreadable
	)
	switch {
	case ctx.Err() != nil:
		return ended(ctx)
	case errors.As(err, &said):
		return said.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &dns):
		return "the service's host name does not resolve"
	case errors.As(err, &cert):
		return "the service's certificate is not trusted"
	case errors.As(err, &slow) && slow.Timeout():
		return "no connection in time"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection cut"
	}
	return "connection failed"
}

// ended returns the reason why the attempt's context has ended: the connector's timeout, or the caller.
func ended(ctx context.Context) string {
	var l late
	if errors.As(context.Cause(ctx), &l) {
		return l.Error()
	}
	return "cut short"
}

// late is the error of an attempt that has exceeded the timeout.
type late time.Duration

func (l late) Error() string { return "no answer in " + time.Duration(l).String() }
