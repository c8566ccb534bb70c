package main

import (
	"fmt"
	"io"
	"os/signal"
	"syscall"
)

// printStored prints the result of a change that is stored already. If the output cannot be written, the
// error says what is stored all the same, and which command shows it or takes it back.
func (c console) printStored(stored, remedy string, output func(w io.Writer) error) error {
	outlivePipe()
	if err := output(c.out); err != nil {
		return fmt.Errorf("cannot write the output (%w), but %s: %s", err, stored, remedy)
	}
	return nil
}

// outlivePipe makes a write to a reader that has gone an error, which would end the process without a word.
func outlivePipe() { signal.Ignore(syscall.SIGPIPE) }

// done prints what is stored, as one line.
func (c console) done(stored, remedy string) error {
	return c.printStored(stored, remedy, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, stored)
		return err
	})
}

// What to do after a change whose output could not be written.
const (
	showsKey       = "`keyseatd keys show` shows the key"
	showsPlans     = "`keyseatd plans list` shows the plans"
	showsTasks     = "`keyseatd tasks list` shows the task"
	showsEndpoints = "`keyseatd webhooks list` shows the endpoints"
)
