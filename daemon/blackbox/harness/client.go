package harness

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Do sends a request to the public listener, and checks the response with [Response.Check].
func (d *Daemon) Do(method, target, body string, header http.Header) Response {
	d.Helper()
	a, err := d.Send(method, d.URL+target, body, header)
	if err == nil {
		err = a.Check(method)
	}
	if err != nil {
		d.Fatalf("%s: %v", method, err)
	}
	return a
}

// Get calls the API by GET.
func (d *Daemon) Get(query string) Response {
	d.Helper()
	return d.Do(http.MethodGet, "/API/?"+query, "", nil)
}

// Post calls the API by POST.
func (d *Daemon) Post(form string) Response {
	d.Helper()
	return d.Do(http.MethodPost, "/API/", form, http.Header{"Content-Type": {FormType}})
}

// Expect checks the status of a response, and its body to the byte.
func (d *Daemon) Expect(a Response, code int, body string) {
	d.Helper()
	if a.Code != code || a.Body != body {
		d.Errorf("got  %d %s\nwant %d %s", a.Code, a.Body, code, body)
	}
}

// MustAccept posts the form of an upgrade or a renew, which the daemon must accept.
func (d *Daemon) MustAccept(form string) {
	d.Helper()
	want := UpgradeSent
	if strings.HasPrefix(form, "renew") {
		want = RenewSent
	}
	d.Expect(d.Post(form), http.StatusOK, want)
}

// SendRaw sends bytes to the public listener, and returns the status of the response, or 0 without a response.
func (d *Daemon) SendRaw(request string) int {
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(d.Context(), MaxWait)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(d.URL, "http://"))
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }() // the response was read
	_ = conn.SetDeadline(time.Now().Add(MaxWait))
	go func() { // in the background, because the server may answer before it has read everything
		_, _ = conn.Write([]byte(request))
		if half, is := conn.(*net.TCPConn); is {
			_ = half.CloseWrite()
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }() // the body is not needed
	return response.StatusCode
}

// ExpectLimited checks that a response has the status 429, and a Retry-After of 1 to the given number of seconds.
func (d *Daemon) ExpectLimited(a Response, seconds int) {
	d.Helper()
	d.Expect(a, http.StatusTooManyRequests, TooMany)
	if after, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || after < 1 || after > seconds {
		d.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
}

// GetFrom calls the API by GET, as a trusted proxy does for a client with the given address.
func (d *Daemon) GetFrom(address, query string) Response {
	d.Helper()
	return d.Do(http.MethodGet, "/API/?"+query, "", Headers("X-Forwarded-For", address))
}
