package main

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// manCmd is the command "keyseatd man". The packages for Linux contain its output.
type manCmd struct{ commandTree }

func (m *manCmd) Run(_ context.Context, c stdio) error {
	out := bufio.NewWriter(c.out)
	writeManual(out, m.root)
	return out.Flush()
}

// manualIntro is the manual page up to the place for the flags that all commands share.
//
//go:embed manual.man
var manualIntro string

// writeManual writes the manual page. A [bufio.Writer] keeps its first error, and Flush returns it.
func writeManual(w io.Writer, root *kong.Node) {
	_, _ = io.WriteString(w, manualIntro)
	writeManualFlags(w, root.Flags)
	_, _ = io.WriteString(w, ".SH COMMANDS\n")
	for _, leaf := range root.Leaves(true) {
		_, _ = fmt.Fprintf(w, ".SS %s\n%s\n", roff(strings.TrimPrefix(leaf.Path(), root.Name+" ")), roff(leaf.Help))
		for _, p := range leaf.Positional {
			_, _ = fmt.Fprintf(w, ".TP\n.I %s\n%s\n", roff(p.Summary()), roff(p.Help))
		}
		writeManualFlags(w, leaf.Flags)
		for paragraph := range strings.SplitSeq(leaf.Detail, "\n\n") {
			switch {
			case strings.HasPrefix(paragraph, "    "):
				_, _ = fmt.Fprintf(w, ".PP\n.nf\n%s\n.fi\n", roff(paragraph))
			case paragraph != "":
				_, _ = fmt.Fprintf(w, ".PP\n%s\n", roff(paragraph))
			}
		}
	}
}

func writeManualFlags(w io.Writer, flags []*kong.Flag) {
	for _, f := range flags {
		if !f.Hidden {
			_, _ = fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(f.String()), roff(flagHelp(f.Value)))
		}
	}
}

// roff escapes a text for man(7). Otherwise a hyphen would become a longer dash. A line that starts with a dot or an
// apostrophe would become a formatting request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
