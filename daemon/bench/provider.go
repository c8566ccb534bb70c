package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
)

// A provider is the service that keyseatd's connector calls. It answers every request with success
// immediately, or never if it is silent.
type provider struct {
	silent   bool
	onOrder  func(body []byte) // called for each received request, unless nil
	listener net.Listener
}

// newProvider opens a listener that closes when the context ends. The caller calls run.
func newProvider(ctx context.Context, silent bool) (*provider, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &provider{silent: silent, listener: listener}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	return p, nil
}

func (p *provider) url() string { return "http://" + p.listener.Addr().String() }

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

const outcome = `{"outcome":"success","username":"someone","verify_address":"1 Main Street"}`

// providerResponse is the response to every request.
var providerResponse = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(outcome), outcome)

// serve reads one request after another from a connection, until the connection is closed.
func (p *provider) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }() // the client has closed it
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
		if err := p.respond(conn, bytes.Clone(buf[begin:end])); err != nil {
			return
		}
	}
}

func (p *provider) respond(conn net.Conn, body []byte) error {
	if p.onOrder != nil {
		p.onOrder(body)
	}
	if p.silent {
		return nil
	}
	_, err := conn.Write(providerResponse)
	return err
}
