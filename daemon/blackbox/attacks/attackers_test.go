package attacks_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// Slow attackers: each keeps a connection as long as possible. The daemon may close it or not.

func holdSilent(ctx context.Context, a *attackers, conn net.Conn) { a.dribble(ctx, conn, "") }

func slowHeaders(ctx context.Context, a *attackers, conn net.Conn) {
	if _, err := io.WriteString(conn, "GET /API/?stock HTTP/1.1\r\nHost: x\r\nX-Slow: "); err == nil {
		a.dribble(ctx, conn, "x")
	}
}

func slowBodies(ctx context.Context, a *attackers, conn net.Conn) {
	head, drop := "Content-Length: 16000", "x"
	if a.attempts.Load()%2 == 0 {
		head, drop = "Transfer-Encoding: chunked", "1\r\nx\r\n"
	}
	if _, err := io.WriteString(conn, "POST /API/ HTTP/1.1\r\nHost: x\r\nContent-Type: "+harness.FormType+"\r\n"+head+"\r\n\r\n"); err == nil {
		a.dribble(ctx, conn, drop)
	}
}

// dribble sends a little data from time to time, until the daemon closes the connection.
func (a *attackers) dribble(ctx context.Context, conn net.Conn, drop string) {
	a.completed.Add(1)
	for ctx.Err() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		_, err := io.Copy(io.Discard, conn)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if _, err := io.WriteString(conn, drop); err != nil {
			return
		}
	}
}

// slowReaders send requests and do not read the responses.
func slowReaders(ctx context.Context, a *attackers, conn net.Conn) {
	if tcp, is := conn.(*net.TCPConn); is {
		_ = tcp.SetReadBuffer(1 << 10) // otherwise the system would read for them
	}
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, strings.Repeat("GET /API/?stock HTTP/1.1\r\nHost: x\r\n\r\n", 8)) // 100 KB of responses
	a.completed.Add(1)
	sleep(ctx, 20*time.Second)
}

// send sends a request with the function write while it reads the response, because the daemon may respond before the
// end of the request. It returns the status, or 0 without a response. If the connection closes during a write, the
// response may be lost.
func (a *attackers) send(conn net.Conn, write func(to io.Writer) error) int {
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _ = write(conn) }()                                // the daemon may close the connection
	response, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // ReadResponse closes it
	if err != nil {
		return 0
	}
	answer, err := harness.ReadResponse(response)
	if err == nil && answer.Check(http.MethodGet) != nil {
		a.wrongAnswers.Add(1)
	}
	return answer.Code
}

// expect counts an attempt as completed if the status is one of the fine ones. Any other status counts as a wrong
// answer, except for 0, which stands for no response.
func (a *attackers) expect(code int, fine ...int) {
	switch {
	case slices.Contains(fine, code):
		a.completed.Add(1)
	case code != 0:
		a.wrongAnswers.Add(1)
	}
}

func writeText(parts ...string) func(io.Writer) error {
	return func(to io.Writer) error {
		_, err := io.WriteString(to, strings.Join(parts, ""))
		return err
	}
}

func hugeHeaders(_ context.Context, a *attackers, conn net.Conn) {
	a.expect(a.send(conn, writeText("GET /API/?stock HTTP/1.1\r\nHost: x\r\nX-Long: ", strings.Repeat("x", 1<<20), "\r\n\r\n")), 431)
}

// manyParameters sends as many parameters as the limit of bytes allows or more, in the query or in the body.
func manyParameters(_ context.Context, a *attackers, conn net.Conn) {
	many := strings.Repeat("&a", 10_000)
	switch a.attempts.Load() % 3 {
	case 0:
		a.expect(a.send(conn, writeText("GET /API/?stock", many, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), 414)
	case 1:
		a.expect(a.send(conn, writeForm("stock"+many)), 413)
	case 2:
		a.expect(a.send(conn, writeForm("stock"+many[:16_000])), 200)
	}
}

func writeForm(body string) func(io.Writer) error {
	return writeText(fmt.Sprintf("POST /API/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", harness.FormType, len(body)), body)
}

func hugeBodies(_ context.Context, a *attackers, conn net.Conn) {
	const size, piece = 100 << 20, 64 << 10
	length, start, end := fmt.Sprint("Content-Length: ", size), "", ""
	if a.attempts.Load()%2 == 0 {
		length, start, end = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n", piece), "\r\n"
	}
	chunk := start + strings.Repeat("x", piece) + end
	a.expect(a.send(conn, func(to io.Writer) error {
		err := writeText("POST /API/ HTTP/1.1\r\nHost: x\r\nContent-Type: ", harness.FormType, "\r\n", length, "\r\n\r\n")(to)
		for sent := 0; sent < size && err == nil; sent += piece {
			_, err = io.WriteString(to, chunk)
		}
		return err
	}), 413)
}

// pipelining sends a thousand requests without waiting, and expects as many responses.
func pipelining(ctx context.Context, a *attackers, conn net.Conn) {
	const many = 1000
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _ = writeText(strings.Repeat("GET /API/?info= HTTP/1.1\r\nHost: x\r\n\r\n", many))(conn) }() // the reader notices an error
	in := bufio.NewReader(conn)
	for n := range many {
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			if ctx.Err() == nil {
				a.Logf("pipelining: %d of %d were answered: %v", n, many, err)
				a.wrongAnswers.Add(1)
			}
			return
		}
		if body, err := io.ReadAll(response.Body); err == nil && string(body) != harness.NotExist {
			a.wrongAnswers.Add(1) // the next read notices a cut
		}
		_ = response.Body.Close() // the body was read
	}
	a.completed.Add(1)
}

// invalidRequests are not valid HTTP.
var invalidRequests = []string{
	"GET  HTTP/9.9\r\n\r\n", "\x00\x00\x00\x00", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET /API/?stock\r\n\r\n",
	"GET /API/?stock HTTP/1.1\r\n\r\n", "GET /API/?stock HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "GET /API/?stock HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
	"POST /API/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "POST /API/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
	"POST /API/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "POST /API/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /API/?stock HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
}

func sendGarbage(_ context.Context, a *attackers, conn net.Conn) {
	request := make([]byte, 4096)
	_, _ = rand.Read(request) // it never fails
	if n := int(a.attempts.Load()) % (len(invalidRequests) + 1); n > 0 {
		request = []byte(invalidRequests[n-1])
	}
	code := a.send(conn, func(to io.Writer) error {
		_, err := to.Write(request)
		if half, is := conn.(*net.TCPConn); is {
			_ = half.CloseWrite() // nothing more is sent
		}
		return err
	})
	a.expect(code, 400, 415, 501, 505)
}

// sendHTTP2 speaks HTTP/2, which needs TLS here, or asks for an upgrade to it.
func sendHTTP2(_ context.Context, a *attackers, conn net.Conn) {
	if a.attempts.Load()%2 == 0 {
		upgrade := "GET /API/?stock HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
		a.expect(a.send(conn, writeText(upgrade)), 200)
		return
	}
	a.expect(a.send(conn, writeText("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")), 400, 404, 405, 505)
}
