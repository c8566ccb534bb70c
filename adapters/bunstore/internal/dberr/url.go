package dberr

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// errURL does not quote the URL, because any part of it may be the password.
var errURL = errors.New("the database URL is not valid: want postgres://user:password@host:port/database?sslmode=…, " +
	"special characters in the password percent-encoded")

// DescribeURL returns an error that names the wrong parameter of the URL. Of all values it quotes only the
// path of a file.
func DescribeURL(err error) error {
	parse, found := errors.AsType[*pgconn.ParseConfigError](err)
	if !found {
		return errURL
	}
	problem := parse.Error()
	if at := strings.LastIndex(problem, "`: "); at >= 0 { // the text before it quotes the URL
		problem = problem[at+len("`: "):]
	}
	const wrong = "the database URL is not valid: "
	switch file, isFile := errors.AsType[*fs.PathError](err); {
	case isFile:
		return errors.New(wrong + describePath(file).what)
	case strings.HasPrefix(problem, "failed to configure TLS ("):
		return errors.New(wrong + "TLS: " + strings.TrimSuffix(problem[len("failed to configure TLS ("):], ")"))
	case strings.HasPrefix(problem, "failed to parse"):
		return errURL
	}
	for _, at := range []string{":", "\"", " ("} {
		problem, _, _ = strings.Cut(problem, at)
	}
	return errors.New(wrong + problem)
}
