package harness

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	wire "github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// browser starts Chromium at the first call. All tests of a package share it.
var browser = sync.OnceValues(func() (context.Context, error) {
	path, err := chromium()
	if err != nil {
		return nil, err
	}
	folder, err := commonFolder()
	if err != nil {
		return nil, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.DisableGPU, // machines of CI have no GPU, and the emulation of a GPU takes most of the time
		chromedp.UserDataDir(filepath.Join(folder, "chromium")),
		chromedp.WSURLReadTimeout(MaxWait),
		chromedp.Flag("host-resolver-rules", "MAP "+LANHost+" 127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // the sandbox refuses root
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeBrowser := chromedp.NewContext(ctx)
	atEnd = append(atEnd, func() { closeBrowser(); stop() })
	return ctx, chromedp.Do(ctx)
})

// LANHost is a host name that the browser resolves to this machine. It stands for another machine in a private network:
// over plain HTTP, the browser treats 127.0.0.1 as a secure context, but not LANHost.
const LANHost = "keys.lan"

// errNoChromium means that Chromium is not installed.
var errNoChromium = errors.New("chromium is missing, run .ci/needs")

// chromium returns the path of the browser's program.
func chromium() (string, error) {
	for _, name := range []string{
		"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoChromium
}

// OverLAN returns the URL of a daemon as another machine of a private network would have it.
func OverLAN(url string) string { return strings.Replace(url, "127.0.0.1", LANHost, 1) }

// A Tab is a tab of the browser with its own cookies, storage and cache. When the test ends, errors of the tab's pages
// fail the test. Errors are entries in the browser's console, exceptions, violations of the content security policy,
// requests to other hosts, and secrets in URLs.
type Tab struct {
	*testing.T
	ctx context.Context

	mu        sync.Mutex
	errors    []string        // errors that the browser reported
	urls      []string        // the URLs of all requests
	responses map[int64]bool  // the statuses of all responses
	expected  map[int64]bool  // the statuses of 400 and above that the test expects
	allowed   []string        // texts of the errors that the test allows
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
	// The first call opens the tab. The tab closes when the context of that call ends, so this context has no deadline.
	b.Do()
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

// isExpected reports whether the test expects an entry of the browser's console.
func (b *Tab) isExpected(e *log.Entry) bool {
	for code := range b.expected {
		if e.Source == log.EntrySourceNetwork && strings.Contains(e.Text, fmt.Sprintf("status of %d ", code)) {
			return true
		}
	}
	return slices.ContainsFunc(b.allowed, func(a string) bool { return strings.Contains(e.Text, a) })
}

// AllowError allows errors in the browser's console that contain a text.
func (b *Tab) AllowError(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, text)
}

// ExpectStatus expects at least one response with each of the statuses. They are statuses of 400 and above, which the
// browser's console reports as errors.
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

// TakeErrors returns the errors that the browser has reported so far, and removes them.
func (b *Tab) TakeErrors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.errors
	b.errors = nil
	return all
}

// report fails the test if the tab had errors, or if an expected status is missing.
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

// URLLeaks returns a fault for each request to another host than that of the first URL, and for each URL with a secret.
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
		plain, _ := url.QueryUnescape(text) // "" if the URL is malformed
		for secret := range secrets {
			if strings.Contains(text, secret) || strings.Contains(plain, secret) {
				faults = append(faults, "a secret in a URL of "+u.Path)
			}
		}
	}
	return faults
}

// Do runs actions on the page, one after the other.
func (b *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// evaluate returns the result of an action.
func evaluate[T any](b *Tab, action chromedp.Action[T]) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.Fatal(err)
	}
	return value
}

// sendCommand sends a command of the DevTools protocol to the browser, and returns the result.
func sendCommand[P, R any](b *Tab, command cdp.Command[P, R], params P) R {
	b.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.Fatal(err)
	}
	return result
}

// Eval returns the value of an expression in the page.
func Eval[T any](b *Tab, expression string) T {
	b.Helper()
	return evaluate(b, chromedp.Evaluate[T](expression))
}

// Eventually waits until an expression is true in the page.
func (b *Tab) Eventually(what, expression string) {
	b.Helper()
	for end := time.Now().Add(MaxWait); ; time.Sleep(20 * time.Millisecond) {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)) // an error is normal while a page loads
		if err == nil && holds {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("timed out waiting: %s (%v)", what, err)
		}
	}
}

// WaitText waits until the page shows a text.
func (b *Tab) WaitText(text string) {
	b.Helper()
	b.Eventually("the page shows "+text, fmt.Sprintf("document.body !== null && document.body.innerText.includes(%q)", text))
}

// DisableScript switches off the scripts of the page. [Eval] works nevertheless.
func (b *Tab) DisableScript() {
	b.Helper()
	sendCommand(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}
