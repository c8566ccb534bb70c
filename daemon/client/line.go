package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httputil"
	"github.com/keyseat/keyseat/tasks"
)

// A line sends the requests of both clients. It repeats a request where that is safe, and returns a
// different error for each kind of failure.
type line struct {
	base  *url.URL
	token tasks.Secret // "": no token
	most  int64        // the maximum size of a response, in bytes
	http  *retryablehttp.Client
	fault func(reply) error // returns the error for a response whose status is not 2xx
}

// A message is one request.
type message struct {
	method string
	path   string // below the base, and escaped
	query  string
	kind   string // the content type of the body
	body   []byte
	header http.Header // additional headers; may be nil
	once   bool        // the request must not be carried out twice
}

// A reply is a response that was read completely.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func newLine(base string, token tasks.Secret, most int64, fault func(reply) error, o Options) (*line, error) {
	u, err := httputil.ParseBase(base, o.Plaintext)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &line{u, token, most, newHTTP(o.filled()), fault}, nil
}

// send sends a message. It passes a response with the status 2xx to read. For any other status it returns
// the error of l.fault.
func (l *line) send(ctx context.Context, m message, read func(reply) error) error {
	ctx, trace := httputil.WithTrace(withOnce(ctx, m.once))
	request, err := l.request(ctx, m)
	if err != nil {
		return errRequest
	}
	r, err := l.exchange(ctx, request)
	switch {
	case err != nil:
	case r.status/100 == 2:
		err = read(r)
	default:
		err = l.fault(r)
	}
	if err != nil && m.once && trace.MaybeSent() && !r.certain(err) {
		return unknown(err)
	}
	return err
}

// certain reports whether a reply makes it certain that the request was or was not carried out.
func (r reply) certain(err error) bool {
	switch r.status / 100 {
	case 2:
		return !errors.Is(err, ErrAnswer) && !errors.Is(err, ErrNoAnswer)
	case 4:
		return true // the daemon refused the request
	}
	return false
}

func (l *line) request(ctx context.Context, m message) (*retryablehttp.Request, error) {
	u := *l.base.JoinPath(m.path)
	u.RawQuery = m.query
	var body any // nil needs no type: a typed nil would be a body of zero bytes
	if m.body != nil {
		body = m.body
	}
	r, err := retryablehttp.NewRequestWithContext(ctx, m.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	// With GetBody, net/http itself would send some requests again if a reused connection breaks.
	r.GetBody = nil
	for name, values := range m.header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "keyseat-client")
	r.Header.Set("Accept", "application/json")
	if m.kind != "" {
		r.Header.Set("Content-Type", m.kind)
	}
	if text := l.token.Reveal(); text != "" {
		r.Header.Set("Authorization", "Bearer "+text)
	}
	return r, nil
}

// exchange sends a request and reads the response. An incomplete response is treated as no response.
func (l *line) exchange(ctx context.Context, request *retryablehttp.Request) (reply, error) {
	response, err := l.http.Do(request)
	if err != nil {
		if response != nil {
			_ = response.Body.Close() // the body is not needed
		}
		return reply{}, noAnswer(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // the body was read already
	body, err := io.ReadAll(io.LimitReader(response.Body, l.most+1))
	r := reply{response.StatusCode, response.Header, body}
	switch {
	case err != nil:
		return r, noAnswer(ctx, err)
	case int64(len(body)) > l.most:
		return r, ErrAnswer
	}
	return r, nil
}
