package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// manCmd is the command keyseatd man. The packages for Linux contain its output.
type manCmd struct{}

// Help shows an example.
func (*manCmd) Help() string { return examples("", "keyseatd man > keyseatd.1") }

// Run prints the manual page of all commands, in the language of man(7).
func (*manCmd) Run(_ context.Context, c stdio) error {
	parser, err := newParser(c, func(int) {})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(c.out)
	writeManual(out, parser.Model.Node)
	return out.Flush()
}

// manualIntro is the start of the manual page.
const manualIntro = `.TH KEYSEATD 1
.SH NAME
keyseatd \- sell slots of family plans for prepaid keys
.SH SYNOPSIS
.B keyseatd
.I COMMAND
[\fIARGUMENT\fR...] [\fIFLAG\fR...]
.SH DESCRIPTION
keyseatd serves the API, the page for customers and the console, and manages the database.
Each flag of serve can also be set by a variable and by the file of \fB\-\-config\fR.
.SH EXIT STATUS
0 if the command worked, 1 if it failed, 2 if the call was wrong.
.SH FLAGS OF ALL COMMANDS
`

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

// roff escapes a text for man(7): a hyphen would become a longer dash, and a line with a dot at its start a request.
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
