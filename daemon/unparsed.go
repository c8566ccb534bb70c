package daemon

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
)

// unparsed is a listener that answers in JSON if net/http cannot parse a request. Such a request
// does not reach a handler.
type unparsed struct {
	net.Listener
	status HTTPStatus
}

func (l unparsed) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, is := conn.(*net.TCPConn); is {
		return jsonConn{tcp, l.status}, nil
	}
	return conn, err
}

// A jsonConn replaces the plain-text errors of net/http with JSON. net/http writes such an error in
// one piece, without a handler. In all else a jsonConn is a [net.TCPConn]. net/http half-closes
// connections of that kind, so that the client receives the answer.
type jsonConn struct {
	*net.TCPConn
	status HTTPStatus
}

func (c jsonConn) Write(p []byte) (int, error) {
	if code := refusal(p); code != 0 {
		return len(p), c.say(code)
	}
	return c.TCPConn.Write(p)
}

// ownHeaders follow the status line in every error that net/http writes itself, and in no answer of
// a handler.
const ownHeaders = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// refusal returns the status of such an error, or 0 for other bytes. Only net/http sends the status
// 417, and with other headers.
func refusal(p []byte) int {
	const code = len("HTTP/1.1 ")
	end := bytes.IndexByte(p, '\r')
	if end < code+3 || !bytes.HasPrefix(p, []byte("HTTP/1.")) {
		return 0
	}
	status, err := strconv.Atoi(string(p[code : code+3]))
	if err != nil || status != http.StatusExpectationFailed && !bytes.HasPrefix(p[end:], []byte(ownHeaders)) {
		return 0
	}
	return status
}

func (c jsonConn) say(code int) error {
	message := "The request cannot be parsed"
	switch code {
	case http.StatusRequestHeaderFieldsTooLarge:
		message = "The headers are too large"
	case http.StatusExpectationFailed:
		message = "The header Expect can only be 100-continue"
	}
	p := page{Response: http.Response{ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Close: true}}
	status := code
	if c.status == DocumentedStatus { // the path is unknown, so it counts as below /API/
		status = http.StatusOK
	}
	wrong(code, message).write(&p, status)
	p.Body, p.ContentLength = io.NopCloser(&p.text), int64(p.text.Len())
	return p.Response.Write(c.TCPConn)
}

// A page is a buffered answer.
type page struct {
	http.Response
	text bytes.Buffer
}

func (p *page) Header() http.Header { return p.Response.Header }

func (p *page) WriteHeader(code int) { p.StatusCode = code }

func (p *page) Write(text []byte) (int, error) { return p.text.Write(text) }
