package harness

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
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
		chromedp.DisableGPU, // no machine of CI has one, and to emulate it takes most of the time
		chromedp.UserDataDir(filepath.Join(folder, "chromium")),
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

// LANHost is a name of this machine in the browser, as of a machine in a private network. Over http, the browser treats
// 127.0.0.1 as a secure context. It treats LANHost as not secure, like every other machine.
const LANHost = "keys.lan"

// stopBrowser ends the browser if it was started.
var stopBrowser = func() {}

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

// sendCommand sends a command of the browser's protocol and returns the answer.
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
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)) // fails during a navigation
		if err == nil && holds {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("timed out waiting: %s (%v)", what, err)
		}
	}
}

// WaitText waits until a reader sees the text on the page.
func (b *Tab) WaitText(text string) {
	b.Helper()
	b.Eventually("the page shows "+text, fmt.Sprintf("document.body !== null && document.body.innerText.includes(%q)", text))
}

// DisableScript switches scripts of the page off. Expressions of the tests still run.
func (b *Tab) DisableScript() {
	b.Helper()
	sendCommand(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// AccessibleNames lists the page as assistive technology reads it, each entry as "role: name".
func (b *Tab) AccessibleNames() (all []string) {
	b.Helper()
	for _, n := range sendCommand(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if role, name := textOf(n.Role), textOf(n.Name); !n.Ignored && role != "" && role != "none" && role != "InlineTextBox" {
			all = append(all, role+": "+name)
		}
	}
	return all
}

// textOf returns the text of a value of the accessibility tree.
func textOf(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text string
	_ = json.Unmarshal(v.Value, &text) // a value that is not a text has none
	return text
}

// A viewport is a size of the screen, with a light or dark theme.
type viewport struct {
	name  string
	width int64
	dark  bool
}

// viewports are those of a phone and of a desktop, light and dark.
var viewports = []viewport{{"phone", 390, false}, {"phone-dark", 390, true}, {"desktop", 1280, false}, {"desktop-dark", 1280, true}}

// SetViewport gives the screen a width, and the page its light or its dark style.
func (b *Tab) SetViewport(width int64, dark bool) {
	b.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	sendCommand(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media})
	sendCommand(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: 800, DeviceScaleFactor: 1, Mobile: width < 600,
	})
}

// Screenshots checks in each viewport that the page is not wider than the screen. With the flag -artifacts it also
// takes a picture of the whole page, and puts it into the folder of [testing.T.ArtifactDir].
func (b *Tab) Screenshots(name string) {
	b.Helper()
	pictures := flag.Lookup("test.artifacts").Value.String() == "true"
	for _, l := range viewports {
		if l.dark && !pictures { // it is as wide as the light one
			continue
		}
		b.SetViewport(l.width, l.dark)
		b.CheckWidth(name, l.width)
		if !pictures {
			continue
		}
		png := evaluate(b, chromedp.FullScreenshot(100))
		if err := os.WriteFile(filepath.Join(b.ArtifactDir(), name+"-"+l.name+".png"), png, 0o600); err != nil {
			b.Error(err)
		}
	}
}

// CheckWidth checks that the page is not wider than the screen.
func (b *Tab) CheckWidth(name string, screen int64) {
	b.Helper()
	if wide := Eval[int64](b, "document.documentElement.scrollWidth"); wide > screen {
		b.Errorf("%s is %d pixels wide on a screen of %d", name, wide, screen)
	}
}

// OverLAN returns the URL of a daemon as another machine of a private network would have it.
func OverLAN(url string) string { return strings.Replace(url, "127.0.0.1", LANHost, 1) }
