package main

import (
	"fmt"
	"io"
	"os/signal"
	"syscall"
)

// printStored prints the result of a change that is already stored. If printing fails, the error
// describes the stored change. It also names a command that shows or reverses the change.
func (c console) printStored(stored, remedy string, output func(w io.Writer) error) error {
	outlivePipe()
	if err := output(c.out); err != nil {
		return fmt.Errorf("cannot write the output (%w), but %s: %s", err, stored, remedy)
	}
	return nil
}

// outlivePipe makes a write to a closed pipe return an error. Otherwise SIGPIPE would end the process
// without a message.
func outlivePipe() { signal.Ignore(syscall.SIGPIPE) }

// done prints one line about the stored change.
func (c console) done(stored, remedy string) error {
	return c.printStored(stored, remedy, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, stored)
		return err
	})
}

// Hints for an error after a stored change: the command that shows it.
const (
	showsKey       = "`keyseatd keys show` shows the key"
	showsPlans     = "`keyseatd plans list` shows the plans"
	showsTasks     = "`keyseatd tasks list` shows the task"
	showsEndpoints = "`keyseatd webhooks list` shows the endpoints"
)
