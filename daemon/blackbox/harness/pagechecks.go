package harness

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

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

// axeTags are the groups of rules that pages must keep: WCAG 2.2, levels A and AA, and the best practices of axe-core.
const axeTags = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`

// CheckAccessible fails the test if an element of the page breaches a rule of axe-core. The name is that of the page.
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

// AccessibleNames lists the elements of the page as assistive technology reads them, each as "role: name".
func (b *Tab) AccessibleNames() (all []string) {
	b.Helper()
	for _, n := range sendCommand(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if role, name := textOf(n.Role), textOf(n.Name); !n.Ignored && role != "" && role != "none" && role != "InlineTextBox" {
			all = append(all, role+": "+name)
		}
	}
	return all
}

// textOf returns the text of a value of the accessibility tree, or "" if the value is not a text.
func textOf(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text string
	_ = json.Unmarshal(v.Value, &text) // fails if the value is not a text
	return text
}

// A viewport is a width of the screen in pixels, with the light or the dark style of the page.
type viewport struct {
	name  string
	width int64
	dark  bool
}

// viewports are the widths of a phone and of a desktop, each with both styles.
var viewports = []viewport{{"phone", 390, false}, {"phone-dark", 390, true}, {"desktop", 1280, false}, {"desktop-dark", 1280, true}}

// SetViewport sets the width of the screen in pixels, and gives the page its light or its dark style.
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
		if l.dark && !pictures { // the style does not change the width of the page
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
