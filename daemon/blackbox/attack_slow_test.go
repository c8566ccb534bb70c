package blackbox_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// Slow strangers: each holds a connection for as long as it is let. That it was let go of is fine,
// and so is that it was not.

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
	if _, err := io.WriteString(conn, "POST /API/ HTTP/1.1\r\nHost: x\r\nContent-Type: "+FormType+"\r\n"+head+"\r\n\r\n"); err == nil {
		a.dribble(ctx, conn, drop)
	}
}

// dribble sends a drop now and then, until the daemon has enough of it.
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

// slowReaders ask much and take nothing.
func slowReaders(ctx context.Context, a *attackers, conn net.Conn) {
	if tcp, is := conn.(*net.TCPConn); is {
		_ = tcp.SetReadBuffer(1 << 10) // or the system would read for them
	}
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, strings.Repeat("GET /API/?stock HTTP/1.1\r\nHost: x\r\n\r\n", 8)) // 100 KB of answers
	a.completed.Add(1)
	sleep(ctx, 20*time.Second)
}
