package blackbox_test

import (
	"context"
	"encoding/json"
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

// browser starts the one Chromium of these tests, when the first of them asks for it.
var browser = sync.OnceValues(func() (context.Context, error) {
	path, err := chromium()
	if err != nil {
		return nil, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(filepath.Join(filepath.Dir(binary), "chromium")), // which goes with the program
		chromedp.WSURLReadTimeout(MaxWait),
		chromedp.Flag("host-resolver-rules", "MAP "+LANHost+" 127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // the sandbox refuses root
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeBrowser := chromedp.NewContext(ctx)
	stopBrowser = func() { closeBrowser(); stop() }
	return ctx, chromedp.Do(ctx)
})

// LANHost is a name of this machine in the browser. Unlike 127.0.0.1 it is not a secure context over http, as
// no machine of a private network is.
const LANHost = "keys.lan"

// stopBrowser ends the browser, if it was started, with the tests.
var stopBrowser = func() {}

// errNoChromium says that there is no browser to test with.
var errNoChromium = errors.New("chromium is missing, run .ci/needs")

// chromium finds the browser's program.
func chromium() (string, error) {
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoChromium
}

// A Tab is a page of a browser that knows no other test: it has cookies, storage and a cache of its
// own. When its test ends, what its page did wrong fails it: an error in the console, an exception, a
// refused policy, a request to another host, a credential in a URL.
type Tab struct {
	*testing.T
	ctx context.Context

	mu        sync.Mutex
	errors    []string        // what the browser complained of
	urls      []string        // every request's
	responses map[int64]bool  // statuses that were answered
	expected  map[int64]bool  // of responses that a test wants, 400 and above
	allowed   []string        // complaints that a test brings about
	secrets   map[string]bool // that no URL may have
}

// OpenTab opens an empty tab that is closed with its test.
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
	b.Do() // opens it, and would bind it to a deadline of this call
	ctx, cancel := context.WithTimeout(ctx, 3*MaxWait)
	b.ctx = ctx
	t.Cleanup(cancel)
	sendCommand(b, accessibility.Enable, cdp.Empty{})
	return b
}

// listen notes what the browser tells. It must not wait for anything.
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

// isExpected says whether the console tells of a status that the test wants, or of a complaint that it
// brings about.
func (b *Tab) isExpected(e *log.Entry) bool {
	for code := range b.expected {
		if e.Source == log.EntrySourceNetwork && strings.Contains(e.Text, fmt.Sprintf("status of %d ", code)) {
			return true
		}
	}
	return slices.ContainsFunc(b.allowed, func(a string) bool { return strings.Contains(e.Text, a) })
}

// AllowError says that a complaint with that text is wanted.
func (b *Tab) AllowError(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, text)
}

// ExpectStatus says that answers of these statuses, of which the console tells as of errors, are wanted.
func (b *Tab) ExpectStatus(codes ...int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, code := range codes {
		b.expected[code] = true
	}
}

// AddSecrets says that no URL may have that text.
func (b *Tab) AddSecrets(texts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range texts {
		b.secrets[text] = true
	}
}

// report fails the test for what its page did wrong.
func (b *Tab) report() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.errors {
		b.Error(fault)
	}
	for code := range b.expected {
		if !b.responses[code] {
			b.Errorf("no answer had the status %d", code)
		}
	}
	for _, fault := range leaks(b.urls, b.secrets) {
		b.Error(fault)
	}
}

// leaks finds requests that went to another host than the first one's, and secrets in URLs.
func leaks(urls []string, secrets map[string]bool) (faults []string) {
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
		plain, _ := url.QueryUnescape(text) // of what does not parse nothing is lost
		for secret := range secrets {
			if strings.Contains(text, secret) || strings.Contains(plain, secret) {
				faults = append(faults, "a secret in a URL of "+u.Path)
			}
		}
	}
	return faults
}

// Do makes the page do things, one after the other, and waits for each.
func (b *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// evaluate gives what an action finds out.
func evaluate[T any](b *Tab, action chromedp.Action[T]) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.Fatal(err)
	}
	return value
}

// sendCommand gives the browser's answer to a command of its protocol.
func sendCommand[P, R any](b *Tab, command cdp.Command[P, R], params P) R {
	b.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.Fatal(err)
	}
	return result
}

// Eval gives what an expression comes to in the page.
func Eval[T any](b *Tab, expression string) T {
	b.Helper()
	return evaluate(b, chromedp.Evaluate[T](expression))
}

// Eventually waits for an expression to hold in the page.
func (b *Tab) Eventually(what, expression string) {
	b.Helper()
	for end := time.Now().Add(MaxWait); ; time.Sleep(20 * time.Millisecond) {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)) // fails while a page gives way to the next
		if err == nil && holds {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("waited in vain: %s (%v)", what, err)
		}
	}
}

// WaitText waits for a text on the page, as a reader sees it.
func (b *Tab) WaitText(text string) {
	b.Helper()
	b.Eventually("the page says "+text, fmt.Sprintf("document.body !== null && document.body.innerText.includes(%q)", text))
}

// DisableScript makes the tab one of a browser in which script is off. The tests' own still runs.
func (b *Tab) DisableScript() {
	b.Helper()
	sendCommand(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// AccessibleNames lists what assistive technology is told of the page, each "role: name".
func (b *Tab) AccessibleNames() (all []string) {
	b.Helper()
	for _, n := range sendCommand(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if role, name := textOf(n.Role), textOf(n.Name); !n.Ignored && role != "" && role != "none" && role != "InlineTextBox" {
			all = append(all, role+": "+name)
		}
	}
	return all
}

// text is that of a value of the accessibility tree.
func textOf(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text string
	_ = json.Unmarshal(v.Value, &text) // what is no text has none
	return text
}

// A viewport is how a page is shown.
type viewport struct {
	name  string
	width int64
	dark  bool
}

// viewports are a phone's and a desktop's, by day and by night.
var viewports = []viewport{{"phone", 390, false}, {"phone-dark", 390, true}, {"desktop", 1280, false}, {"desktop-dark", 1280, true}}

// setViewport makes the tab look like that.
func (b *Tab) setViewport(l viewport) {
	b.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	sendCommand(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media})
	sendCommand(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: 800, DeviceScaleFactor: 1, Mobile: l.width < 600,
	})
}

// Screenshots takes one of the whole page in each look, into the folder of [testing.T.ArtifactDir], and
// holds that nothing is wider than the screen.
func (b *Tab) Screenshots(name string) {
	b.Helper()
	for _, l := range viewports {
		b.setViewport(l)
		png := evaluate(b, chromedp.FullScreenshot(100))
		if wide := Eval[int64](b, "document.documentElement.scrollWidth"); wide > l.width {
			b.Errorf("%s is %d pixels wide on a %s", name, wide, l.name)
		}
		if err := os.WriteFile(filepath.Join(b.ArtifactDir(), name+"-"+l.name+".png"), png, 0o600); err != nil {
			b.Error(err)
		}
	}
}

// TestURLLeaksAreFound plants what no page may ask for.
func TestURLLeaksAreFound(t *testing.T) {
	secrets := map[string]bool{"p w": true}
	for text, want := range map[string]int{
		"http://a/ http://a/x data:,": 0, "http://a/ http://b/": 1, "http://a/?p+w": 1, "http://a/p%20w": 1, "https://a/ http://a:81/": 1,
	} {
		if got := leaks(strings.Fields(text), secrets); len(got) != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestTabReportsPageErrors holds that what a page does wrong is noted.
func TestTabReportsPageErrors(t *testing.T) {
	t.Parallel()
	b := OpenTab(t)
	b.Do(chromedp.Navigate("about:blank"))
	Eval[any](b, "console.warn('x'); setTimeout(() => { throw new Error('y') }); null")
	for end := time.Now().Add(MaxWait); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b.mu.Lock()
		noted := len(b.errors)
		if noted == 2 {
			b.errors = nil
		}
		b.mu.Unlock()
		if noted == 2 {
			return
		}
	}
	t.Error("a warning and an exception were not both noted")
}
