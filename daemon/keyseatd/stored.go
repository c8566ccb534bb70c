package main

import (
	"fmt"
	"io"
	"os/signal"
	"syscall"
)

// printStored prints the result of a change that is already stored. If printing fails, the error
// describes the stored change. It also names a command that shows or reverses the change.
func (c stdio) printStored(stored, remedy string, output func(w io.Writer) error) error {
	ignoreSIGPIPE()
	if err := output(c.out); err != nil {
		return fmt.Errorf("cannot write the output (%w), but %s: %s", err, stored, remedy)
	}
	return nil
}

// ignoreSIGPIPE makes a write to a closed pipe return an error. Otherwise SIGPIPE would end the process
// without a message.
func ignoreSIGPIPE() { signal.Ignore(syscall.SIGPIPE) }

// done prints one line about the stored change.
func (c stdio) done(stored, remedy string) error {
	return c.printStored(stored, remedy, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, stored)
		return err
	})
}

// Hints for an error after a stored change: the command that shows it.
const (
	hintKey       = "`keyseatd keys show` shows the key"
	hintPlans     = "`keyseatd plans list` shows the plans"
	hintTask      = "`keyseatd tasks list` shows the task"
	hintEndpoints = "`keyseatd webhooks list` shows the endpoints"
)
