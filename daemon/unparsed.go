package daemon

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
)

// unparsed is a listener whose connections answer in JSON to what net/http cannot parse, and which
// therefore no handler sees.
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

// A jsonConn says in JSON what net/http says in plain text, in one piece, past every handler. It is a
// [net.TCPConn] in all else, because net/http closes those by halves, so that the answer arrives.
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

// ownHeaders follow the status line in every answer that is net/http's own, and in none of ours.
const ownHeaders = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// refusal is the status of such an answer, 0 of any other bytes. The status 417 is net/http's alone too,
// and has other headers.
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
	if c.status == DocumentedStatus { // the path is not known: it counts as one below /API/
		status = http.StatusOK
	}
	wrong(code, message).write(&p, status)
	p.Body, p.ContentLength = io.NopCloser(&p.text), int64(p.text.Len())
	return p.Response.Write(c.TCPConn)
}

// A page is an answer before it is sent.
type page struct {
	http.Response
	text bytes.Buffer
}

func (p *page) Header() http.Header { return p.Response.Header }

func (p *page) WriteHeader(code int) { p.StatusCode = code }

func (p *page) Write(text []byte) (int, error) { return p.text.Write(text) }
