package daemon

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/keyseat/keyseat/internal/httpclient"
)

// A jsonErrorListener answers in JSON if net/http cannot parse a request. Such a request does not
// reach a handler.
type jsonErrorListener struct {
	net.Listener
	status HTTPStatus
}

func (l jsonErrorListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, is := conn.(*net.TCPConn); is {
		return jsonErrorConn{tcp, l.status}, nil
	}
	return conn, err
}

// A jsonErrorConn replaces the plain-text errors of net/http with JSON. net/http writes such an error
// in one piece, without a handler.
//
// A jsonErrorConn has all other methods of [net.TCPConn]. The package net/http half-closes the connection after such
// an error, so that the client receives the response.
type jsonErrorConn struct {
	*net.TCPConn
	status HTTPStatus
}

func (c jsonErrorConn) Write(p []byte) (int, error) {
	if code := errorStatus(p); code != 0 {
		return len(p), c.writeError(code)
	}
	return c.TCPConn.Write(p)
}

// netHTTPErrorHeaders follow the status line in every error that net/http writes itself, and in no
// response of a handler.
const netHTTPErrorHeaders = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// errorStatus returns the status of an error that net/http writes itself, or 0 for other bytes. A status of
// 417 is enough, because no handler sends it. net/http writes it without [netHTTPErrorHeaders].
func errorStatus(p []byte) int {
	const code = len("HTTP/1.1 ")
	end := bytes.IndexByte(p, '\r')
	if end < code+3 || !bytes.HasPrefix(p, []byte("HTTP/1.")) {
		return 0
	}
	status, err := strconv.Atoi(string(p[code : code+3]))
	if err != nil || status != http.StatusExpectationFailed && !bytes.HasPrefix(p[end:], []byte(netHTTPErrorHeaders)) {
		return 0
	}
	return status
}

func (c jsonErrorConn) writeError(code int) error {
	text := "The request cannot be parsed"
	switch code {
	case http.StatusRequestHeaderFieldsTooLarge:
		text = "The headers are too large"
	case http.StatusExpectationFailed:
		text = "The header Expect can only be 100-continue"
	}
	status := code
	if c.status == DocumentedStatus { // the path is unknown, so it counts as below /API/
		status = http.StatusOK
	}
	var rec httpclient.Recorder
	errorResponse(code, text).write(&rec, status)
	raw := http.Response{
		ProtoMajor: 1, ProtoMinor: 1, StatusCode: rec.Status(), Header: rec.Header(), Close: true,
		Body: io.NopCloser(&rec.Body), ContentLength: int64(rec.Body.Len()),
	}
	return raw.Write(c.TCPConn)
}
