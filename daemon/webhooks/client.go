package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/tasks"
)

// ErrPrivate says that an endpoint has an address outside the public Internet.
var ErrPrivate = errors.New("the address is not public: --webhook-private allows it")

// specialPurpose lists the networks that the other checks of [IsPublic] take for public, although they are not:
//
//   - special-purpose networks
//   - networks of tunnels to IPv4, whose addresses can contain a private address
//   - the address at which a cloud provider serves its virtual machines
var specialPurpose = parsePrefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "168.63.129.16/32",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// globalUnicast is the part of IPv6 that is assigned for use on the Internet.
var globalUnicast = netip.MustParsePrefix("2000::/3")

func parsePrefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// IsPublic reports whether an address belongs to the public Internet.
func IsPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !globalUnicast.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(specialPurpose, func(p netip.Prefix) bool { return p.Contains(a) })
}

// The limits of the calls to one endpoint.
const (
	maxConcurrent = 8                // simultaneous calls
	dialTimeout   = 5 * time.Second  // to connect
	callTimeout   = 15 * time.Second // of a whole call
)

// Client returns an HTTP client for calls to endpoints.
//
//   - It uses the proxy that the environment names, unless the policy forbids that.
//   - It connects only to public addresses, unless the policy allows private ones.
//   - It does not follow redirects.
func Client(p Policy) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !p.Private {
		dialer.Control = allowPublic
	}
	direct := httpclient.NewTransport(dialer, maxConcurrent, time.Minute)
	direct.Proxy = nil
	var transport http.RoundTripper = direct
	if !p.NoProxy {
		viaProxy := httpclient.NewTransport(&net.Dialer{Timeout: dialTimeout}, maxConcurrent, time.Minute)
		transport = proxyTransport{direct: direct, viaProxy: viaProxy, private: p.Private}
	}
	return &http.Client{Transport: transport, CheckRedirect: httpclient.NoRedirect, Timeout: callTimeout}
}

// allowPublic checks the address right before the connection, after the name was resolved. A name that
// resolves to another address later therefore cannot evade the check.
func allowPublic(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !IsPublic(to.Addr()) {
		return ErrPrivate
	}
	return nil
}

// A proxyTransport sends a request through the proxy that the environment names for it, or directly if
// the environment names no proxy. Through a proxy, the dialed address is the address of the proxy.
// Therefore the transport resolves and checks the endpoint's name itself, before it sends the request.
type proxyTransport struct {
	direct, viaProxy http.RoundTripper
	private          bool // allow addresses that are not public
}

func (p proxyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	proxy, err := http.ProxyFromEnvironment(r)
	switch {
	case err != nil:
		err = errors.New("HTTP_PROXY or HTTPS_PROXY is not the URL of a proxy") // the error of net/http may quote a password
	case proxy == nil:
		return p.direct.RoundTrip(r)
	case !p.private:
		err = checkPublic(r.Context(), r.URL.Hostname())
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // RoundTrip must close the body even if nothing was read
		}
		return nil, err
	}
	return p.viaProxy.RoundTrip(r)
}

// checkPublic returns an error if at least one address of the host is not public.
func checkPublic(ctx context.Context, host string) error {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return errors.New("cannot check the address, because the name does not resolve here: --webhook-private leaves that to the proxy")
	}
	if !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !IsPublic(a) }) {
		return nil
	}
	return ErrPrivate
}

// A Response is the endpoint's response to one attempt, or the reason why no response came.
type Response struct {
	Status     int           // 0: the endpoint sent no response
	RetryAfter time.Duration // the pause of Retry-After, or 0
	Note       string        // for the operator; contains no part of the endpoint's URL except the host
}

// OK reports whether the endpoint has accepted the event.
func (r Response) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Send makes one attempt to send an event to an endpoint.
func Send(ctx context.Context, client *http.Client, to Endpoint, e Event) Response {
	body, err := e.Body()
	if err != nil {
		return Response{Note: "the event cannot be encoded"}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL.Reveal(), bytes.NewReader(body))
	if err == nil {
		err = sign(request.Header, e.ID, time.Now(), body, to.Secrets)
	}
	if err != nil {
		return Response{Note: "the request cannot be made"}
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "keyseat")
	response, err := client.Do(request)
	if err != nil {
		return Response{Note: describe(err)}
	}
	defer func() { _ = response.Body.Close() }()                      // an error needs no action
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be reused
	return Response{response.StatusCode, httpclient.RetryAfter(response.Header), ""}
}

// describe returns the text of a network error without the URL, of up to 200 bytes. It leaves out what net/http quotes
// of the endpoint's response, because a response can repeat the URL.
func describe(err error) string {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	at := (*net.OpError)(nil)
	connects := errors.As(err, &at) && (at.Op == "dial" || at.Op == "proxyconnect") // such an error names the address
	if errors.Is(err, context.DeadlineExceeded) && !connects {
		return fmt.Sprintf("no answer within %v", callTimeout)
	}
	if errors.Is(err, context.Canceled) {
		return "cancelled, because the daemon stops"
	}
	text, _, _ := strings.Cut(err.Error(), ` "`)
	note := strings.ToValidUTF8(text, "")
	return strings.ToValidUTF8(note[:min(len(note), 200)], "")
}

// sign sets the headers of one attempt. It adds one signature for each secret, so that a receiver can
// change from the old secret to the new one at any time.
func sign(h http.Header, id string, at time.Time, body []byte, secrets []tasks.Secret) error {
	var signatures []string
	for _, secret := range secrets {
		hook, err := standard.NewWebhook(secret.Reveal())
		if err != nil {
			return errSecret
		}
		signature, err := hook.Sign(id, at, body)
		if err != nil {
			return errSecret
		}
		signatures = append(signatures, signature)
	}
	h.Set(standard.HeaderWebhookID, id)
	h.Set(standard.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standard.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}
