package main

import (
	"context"
	"embed"
	"io"
)

// completionCmd is keyseatd completion.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

// Help says where the script goes.
func (*completionCmd) Help() string {
	return examples("The script goes into what the shell reads when it starts.",
		"source <(keyseatd completion bash)",
		"source <(keyseatd completion zsh)",
		"keyseatd completion fish | source")
}

//go:embed completion
var completionScripts embed.FS

// Run prints the shell's script. It asks keyseatd complete at each tab, so it never grows old.
func (k *completionCmd) Run(_ context.Context, c console) error {
	script, err := completionScripts.ReadFile("completion/keyseatd." + k.Shell)
	if err != nil {
		return err
	}
	_, err = c.out.Write(script)
	return err
}

// completeCmd is keyseatd complete, which the scripts ask.
type completeCmd struct {
	Words []string `arg:"" optional:"" help:"The words after keyseatd, the last of them perhaps half typed or empty."`
}

// Help shows how it is called.
func (*completeCmd) Help() string { return examples("", "keyseatd complete keys imp") }

// Run prints what the last word can become, each on a line with its help after a tab.
func (k *completeCmd) Run(_ context.Context, c console) error {
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
