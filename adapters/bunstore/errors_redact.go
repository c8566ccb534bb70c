package bunstore

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// What an error text can quote, in the order in which it is removed.
var quotes = []struct {
	found *regexp.Regexp
	shown string
}{
	{regexp.MustCompile(`://[^@\s]*@`), "://…@"},
	{regexp.MustCompile(`(?s)unable to encode .* into `), "unable to encode a value into "}, // of pgx, which does not quote all
	{regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*(?:"|$)`), `"…"`},
	{regexp.MustCompile(`(?s)'(?:[^'\\]|\\.|'')*(?:'|$)`), `'…'`},
	{regexp.MustCompile("(?s)`[^`]*(?:`|$)"), "`…`"},
	{regexp.MustCompile(`(?s)\{.*(?:\}|$)`), "{…}"},
	{regexp.MustCompile(`(?s)\[.*(?:\]|$)`), "[…]"},
	{regexp.MustCompile(`\*?\b[a-z]\w*\.[A-Z]\w*`), "a Go value"}, // a type's name helps no operator
}

// redact shows an error that no table knows without what it quotes: a driver may name a value that it
// cannot read or write.
func redact(text string) string {
	for _, q := range quotes {
		text = q.found.ReplaceAllString(text, q.shown)
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	if text = strings.TrimRight(strings.TrimSpace(text), ": "); text == "" || !utf8.ValidString(text) {
		return "an error without a text"
	}
	return text
}

// reason is what the system or the network says, without the addresses that Go puts before it.
func reason(err error) string {
	var (
		number syscall.Errno
		name   *net.DNSError
	)
	switch {
	case errors.As(err, &name):
		return name.Err
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, context.Canceled):
		return "the operation was cancelled"
	case errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err):
		return "no answer in time"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return redact(err.Error())
		}
		err = inner
	}
}
