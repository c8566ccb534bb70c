package main

import (
	"context"
	"fmt"

	"github.com/keyseat/keyseat/adapters/keyring"
)

// masterKeyAdd is keyseatd master-key add.
type masterKeyAdd struct {
	File string `arg:"" help:"The file of master keys; it is made with mode 0600." validate:"required"`
}

// Help says what there is to know, and how it is called.
func (*masterKeyAdd) Help() string {
	return examples("The new key encrypts from now on, the others still decrypt. A daemon reads the file again when it has changed.",
		"keyseatd master-key add master.key")
}

// Run adds a key, and tells its id.
func (m *masterKeyAdd) Run(_ context.Context, c console) error {
	id, err := keyring.Add(m.File)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, id)
	return err
}
