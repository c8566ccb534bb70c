package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// A client is one persistent connection that speaks a part of HTTP/1.1. A client uses little processor time, so that
// most of it remains for the measured programs. Every response must have a Content-Length.
type client struct {
	conn net.Conn
	buf  []byte
}

func dial(ctx context.Context, addr string) (*client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	return &client{conn: conn, buf: make([]byte, 4096)}, err
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("Content-Length: ")
	statusOK      = []byte("HTTP/1.1 200 ")
)

var errResponse = errors.New("the response is not 200 OK with a Content-Length")

// do sends a request and returns the body of its response. The body is valid until the next call.
func (c *client) do(request []byte) ([]byte, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	n, begin, end := 0, 0, -1
	for end < 0 || n < end {
		if n == len(c.buf) {
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
		more, err := c.conn.Read(c.buf[n:])
		if err != nil {
			return nil, err
		}
		n += more
		if end < 0 {
			if begin, end, err = bodyExtent(c.buf[:n]); err != nil {
				return nil, err
			}
		}
	}
	if !bytes.HasPrefix(c.buf, statusOK) {
		return nil, errResponse
	}
	return c.buf[begin:end], nil
}

// bodyExtent returns where the body of an HTTP message begins and ends. The end is -1 while the head is incomplete.
func bodyExtent(message []byte) (begin, end int, err error) {
	head := bytes.Index(message, headEnd)
	if head < 0 {
		return 0, -1, nil
	}
	_, length, found := bytes.Cut(message[:head+2], contentLength)
	if !found {
		return 0, 0, errResponse
	}
	length, _, _ = bytes.Cut(length, headEnd[:2])
	n, err := strconv.Atoi(string(length))
	begin = head + len(headEnd)
	return begin, begin + n, err
}

// doChecked sends a request and checks its response.
func (c *client) doChecked(r *request) error {
	body, err := c.do(r.raw)
	if err != nil {
		return err
	}
	if !bytes.Contains(body, r.want) {
		return fmt.Errorf("%w: %.200s", errUnexpected, body)
	}
	return nil
}

// A provider is the service that keyseatd's connector calls. It answers every request with a success. If silent is
// true, it never answers.
type provider struct {
	silent   bool
	onOrder  func(body []byte) // is called with the body of each request, unless nil
	listener net.Listener
}

// start starts the provider, which serves until the context ends, and returns the provider's URL.
func (p *provider) start(ctx context.Context) (url string) {
	p.listener = must(new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"))
	context.AfterFunc(ctx, func() { _ = p.listener.Close() })
	go p.run()
	return "http://" + p.listener.Addr().String()
}

// run accepts connections until the listener is closed.
func (p *provider) run() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(conn)
	}
}

const outcome = `{"outcome":"success","username":"member","verify_address":"1 Main Street"}`

// providerResponse is the provider's response to every request.
var providerResponse = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(outcome), outcome)

// serve answers one request after another on a connection, until the connection is closed.
func (p *provider) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }() // the client has closed its end
	for buf, n := make([]byte, 8192), 0; n < len(buf); {
		more, err := conn.Read(buf[n:])
		if err != nil {
			return
		}
		n += more
		begin, end, err := bodyExtent(buf[:n])
		if err != nil {
			return
		}
		if end < 0 || n < end {
			continue
		}
		n = 0
		if p.onOrder != nil {
			p.onOrder(bytes.Clone(buf[begin:end]))
		}
		if p.silent {
			continue
		}
		if _, err := conn.Write(providerResponse); err != nil {
			return
		}
	}
}

// A request is an HTTP request, and a text that its response must contain.
type request struct{ raw, want []byte }

// A generator is a function that overwrites r with the next request. It returns false if it has no further request. Any
// number of goroutines may call a generator simultaneously.
type generator func(r *request) bool
