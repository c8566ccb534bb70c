package main

import "strings"

// examples is the longer help of a command: what there is to know, and how it is called. Kong keeps
// the lines of what is indented.
func examples(about string, lines ...string) string {
	var b strings.Builder
	if about != "" {
		b.WriteString(about + "\n\n")
	}
	b.WriteString("Examples:\n")
	for _, line := range lines {
		b.WriteString("\n    " + line)
	}
	return b.String()
}
