package harness

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"sync"

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
