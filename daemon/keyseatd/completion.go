package main

import (
	"context"
	"embed"
	"io"
)

// completionCmd is the command keyseatd completion.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

// Help explains how to load the script.
func (*completionCmd) Help() string {
	return examples("The script goes into what the shell reads when it starts.",
		"source <(keyseatd completion bash)",
		"source <(keyseatd completion zsh)",
		"keyseatd completion fish | source")
}

//go:embed completion
var completionScripts embed.FS

// Run prints the completion script of the shell. The script calls keyseatd complete at each tab, so it
// never becomes outdated.
func (k *completionCmd) Run(_ context.Context, c stdio) error {
	script, err := completionScripts.ReadFile("completion/keyseatd." + k.Shell)
	if err != nil {
		return err
	}
	_, err = c.out.Write(script)
	return err
}

// completeCmd is the command keyseatd complete. The completion scripts call it.
type completeCmd struct {
	Words []string `arg:"" optional:"" help:"The words after keyseatd, the last of them perhaps half typed or empty."`
}

// Help shows an example.
func (*completeCmd) Help() string { return examples("", "keyseatd complete keys imp") }

// Run prints the completions of the last word, one per line: the word, a tab and its help text.
func (k *completeCmd) Run(_ context.Context, c stdio) error {
	parser, err := newParser(c, func(int) {})
	if err != nil {
		return err
	}
	for _, found := range complete(parser.Model.Node, k.Words) {
		if _, err := io.WriteString(c.out, found.text+"\t"+found.help+"\n"); err != nil {
			return err
		}
	}
	return nil
}
