package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/tasks"
)

// A line is what both clients send over: it repeats what may be repeated, and tells faults apart.
type line struct {
	base  *url.URL
	token tasks.Secret // "": none
	most  int64        // bytes of an answer
	http  *retryablehttp.Client
	fault func(reply) error // what an answer means that is not the one that was hoped for
}

// A message is one request.
type message struct {
	method string
	path   string // below the base, escaped
	query  string
	kind   string // the body's content type
	body   []byte
	header http.Header // beside the others; may be nil
	once   bool        // it must not be carried out twice
}

// A reply is an answer that was read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func newLine(base string, token tasks.Secret, most int64, fault func(reply) error, o Options) (*line, error) {
	u, err := parseBase(base, o.Plaintext)
	if err != nil {
		return nil, err
	}
	return &line{u, token, most, newHTTP(o.filled()), fault}, nil
}

// send makes a request. A 2xx is read by read; what any other status means, the line's fault says.
func (l *line) send(ctx context.Context, m message, read func(reply) error) error {
	ctx, trail := follow(ctx, m.once)
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
	if err != nil && m.once && trail.maybeSent() && !r.certain(err) {
		return unknown(err)
	}
	return err
}

// certain says whether a reply leaves no doubt what has become of the request.
func (r reply) certain(err error) bool {
	switch r.status / 100 {
	case 2:
		return !errors.Is(err, ErrAnswer) && !errors.Is(err, ErrNoAnswer)
	case 4:
		return true // it was refused
	}
	return false
}

func (l *line) request(ctx context.Context, m message) (*retryablehttp.Request, error) {
	u := *l.base.JoinPath(m.path)
	u.RawQuery = m.query
	var body any // a nil one must have no type, or it is one of no bytes
	if m.body != nil {
		body = m.body
	}
	r, err := retryablehttp.NewRequestWithContext(ctx, m.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	// Without it net/http itself would send some requests again when a used connection breaks.
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

// exchange sends a request and reads the answer. An answer that breaks off is as good as none.
func (l *line) exchange(ctx context.Context, request *retryablehttp.Request) (reply, error) {
	response, err := l.http.Do(request)
	if err != nil {
		if response != nil {
			_ = response.Body.Close() // nothing of it is read
		}
		return reply{}, noAnswer(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // it was read as far as it ever will be
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
