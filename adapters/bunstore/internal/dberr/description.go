package dberr

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"regexp"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// A description holds the facts about an error that an operator needs.
type description struct {
	what   string // what happened
	code   string // the database's name for the error, or ""
	advice string // what the operator can do, or ""
	placed bool   // the text in what already names the file or server
	cause  error  // see [wrapped]
}

// publicText returns one line: first what happened, then where, then what the operator can do.
func (d description) publicText(where string) string {
	text := d.what
	if d.code != "" {
		where += ", " + d.code
	}
	if !d.placed {
		text += " (" + where + ")"
	}
	if d.advice != "" {
		text += "; " + d.advice
	}
	return strings.Join(strings.Fields(text), " ")
}

// describePath returns a description with the file and the reason that the operating system gives.
func describePath(err *fs.PathError) description {
	d := description{what: "cannot " + err.Op + " " + err.Path + ": " + reason(err), placed: true}
	if errors.Is(err, fs.ErrPermission) {
		d.advice = "the user that runs keyseatd must own it, or be allowed to read and write it and its folder"
	}
	return d
}

// quotes lists patterns of quoted values in error texts, and their replacements, in the order of use.
var quotes = []struct {
	found *regexp.Regexp
	shown string
}{
	{regexp.MustCompile(`://[^@\s]*@`), "://…@"},
	{regexp.MustCompile(`(?s)unable to encode .* into `), "unable to encode a value into "}, // pgx does not quote every value
	{regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*(?:"|$)`), `"…"`},
	{regexp.MustCompile(`(?s)'(?:[^'\\]|\\.|'')*(?:'|$)`), `'…'`},
	{regexp.MustCompile("(?s)`[^`]*(?:`|$)"), "`…`"},
	{regexp.MustCompile(`(?s)\{.*(?:\}|$)`), "{…}"},
	{regexp.MustCompile(`(?s)\[.*(?:\]|$)`), "[…]"},
	{regexp.MustCompile(`\*?\b[a-z]\w*\.[A-Z]\w*`), "a Go value"}, // the name of a Go type does not help an operator
}

// redact removes quoted values from the text of an unknown error, because a driver may quote a value that
// it cannot read or write. The result has at most 300 bytes and "…", and is never empty.
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

// reason returns the reason that the system or the network gives, without the addresses that Go puts before it.
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
