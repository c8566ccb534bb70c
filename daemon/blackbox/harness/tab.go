package harness

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	wire "github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A Tab is a page of the browser with its own cookies, storage and cache. When its test ends, errors of the page fail
// it. Errors are entries in the console, exceptions, violated policies, requests to other hosts, and secrets in URLs.
type Tab struct {
	*testing.T
	ctx context.Context

	mu        sync.Mutex
	errors    []string        // errors that the browser reported
	urls      []string        // of every request
	responses map[int64]bool  // statuses of responses
	expected  map[int64]bool  // statuses of 400 and above that the test expects
	allowed   []string        // texts of errors that the test causes
	secrets   map[string]bool // texts that no URL may contain
}

// OpenTab opens an empty tab, which is closed at the end of its test.
func OpenTab(t *testing.T) *Tab {
	t.Helper()
	parent, err := browser()
	if errors.Is(err, errNoChromium) && !pgtest.Required() {
		t.Skip("SKIPPED, NOTHING WAS TESTED:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := &Tab{T: t, responses: map[int64]bool{}, expected: map[int64]bool{}, secrets: map[string]bool{}}
	ctx, shut := chromedp.NewContext(parent, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	b.ctx = ctx
	t.Cleanup(func() { b.report(); shut() })
	b.Do() // opens the tab, which must not depend on the deadline that follows
	ctx, cancel := context.WithTimeout(ctx, 3*MaxWait)
	b.ctx = ctx
	t.Cleanup(cancel)
	sendCommand(b, accessibility.Enable, cdp.Empty{})
	return b
}

// listen records an event of the browser. It must not block.
func (b *Tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *wire.EventRequestWillBeSent:
		b.urls = append(b.urls, e.Request.URL)
	case *wire.EventResponseReceived:
		b.responses[e.Response.Status] = true
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, fmt.Sprintf("console.%s is called", e.Type))
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if !b.isExpected(e.Entry) {
			b.errors = append(b.errors, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

// isExpected reports whether the test expects an entry of the console.
func (b *Tab) isExpected(e *log.Entry) bool {
	for code := range b.expected {
		if e.Source == log.EntrySourceNetwork && strings.Contains(e.Text, fmt.Sprintf("status of %d ", code)) {
			return true
		}
	}
	return slices.ContainsFunc(b.allowed, func(a string) bool { return strings.Contains(e.Text, a) })
}

// AllowError allows errors that contain a text.
func (b *Tab) AllowError(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, text)
}

// ExpectStatus expects responses with these statuses. The console reports such responses as errors.
func (b *Tab) ExpectStatus(codes ...int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, code := range codes {
		b.expected[code] = true
	}
}

// AddSecrets adds texts that no URL may contain.
func (b *Tab) AddSecrets(texts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range texts {
		b.secrets[text] = true
	}
}

// TakeErrors returns the errors so far, and removes them.
func (b *Tab) TakeErrors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.errors
	b.errors = nil
	return all
}

// report fails the test if the page had errors.
func (b *Tab) report() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.errors {
		b.Error(fault)
	}
	for code := range b.expected {
		if !b.responses[code] {
			b.Errorf("no response had the status %d", code)
		}
	}
	for _, fault := range URLLeaks(b.urls, b.secrets) {
		b.Error(fault)
	}
}

// URLLeaks returns the requests to other hosts than the first one, and the URLs with secrets.
func URLLeaks(urls []string, secrets map[string]bool) (faults []string) {
	home := ""
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Scheme == "data" || u.Scheme == "about" {
			continue
		}
		if home == "" {
			home = u.Host
		}
		if u.Host != home {
			faults = append(faults, "a request to "+u.Host)
		}
		plain, _ := url.QueryUnescape(text) // "" for a malformed text, which is searched as it is
		for secret := range secrets {
			if strings.Contains(text, secret) || strings.Contains(plain, secret) {
				faults = append(faults, "a secret in a URL of "+u.Path)
			}
		}
	}
	return faults
}

// axeSource is axe-core, which finds breaches of WCAG (https://github.com/dequelabs/axe-core, MPL 2.0).
//
//go:embed testdata/axe-4.14.1.min.js.gz
var axeSource []byte

var axeScript = sync.OnceValues(func() (string, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(axeSource))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(unzipped)
	return string(text), err
})

// axeTags are the rules that apply: WCAG 2.2, levels A and AA, and the best practices of axe-core.
const axeTags = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`

// CheckAccessible reports every element of the page that breaches a rule of accessibility.
func (b *Tab) CheckAccessible(name string) {
	b.Helper()
	for _, violation := range b.AxeViolations() {
		b.Errorf("%s: %s", name, violation)
	}
}

// AxeViolations lists the elements of the page that breach a rule of axe-core.
func (b *Tab) AxeViolations() []string {
	b.Helper()
	script, err := axeScript()
	if err != nil {
		b.Fatal(err)
	}
	if !Eval[bool](b, "typeof axe === 'object'") {
		Eval[bool](b, script+"; true")
	}
	return evaluate(b, chromedp.Evaluate[[]string](fmt.Sprintf(`axe.run(document, {runOnly: %s, resultTypes: ["violations"]}).then(
		(r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.html.slice(0, 160) + ' ' + n.failureSummary)))`, axeTags),
		func(p *runtime.EvaluateParams) { p.AwaitPromise = new(true) }))
}
