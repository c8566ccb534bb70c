package main

import (
	"context"
	"fmt"
	"io"

	"github.com/keyseat/keyseat/adapters/keyring"
)

// masterKeyAdd is the command keyseatd master-key add.
type masterKeyAdd struct {
	File string `arg:"" help:"The file of master keys; it is made with mode 0600." validate:"required"`
}

// Help explains the effect of a new key and shows an example.
func (*masterKeyAdd) Help() string {
	return examples("The new key encrypts from now on, the others still decrypt. A daemon reads the file again when it has changed.",
		"keyseatd master-key add master.key")
}

// Run adds a key to the file and prints its id.
func (m *masterKeyAdd) Run(_ context.Context, c stdio) error {
	id, err := keyring.Add(m.File)
	if err != nil {
		return err
	}
	return c.printStored("key "+id+" is the first of "+m.File, "it encrypts from now on, and `keyseatd master-key prune` drops it once another is the first", func(w io.Writer) error {
		_, err := fmt.Fprintln(w, id)
		return err
	})
}
