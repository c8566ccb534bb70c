package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// A reload is a setting whose file a daemon reads again on SIGHUP. If read fails, the old value stays.
type reload struct {
	flag string
	read func() error
}

// runToHangup runs a command. When the terminal closes (SIGHUP), the command ends as with Ctrl-C, unless
// nohup started it. A daemon handles SIGHUP itself.
func runToHangup(ctx context.Context, cmd command, c stdio) error {
	if _, is := cmd.(*serveCmd); !is && !signal.Ignored(syscall.SIGHUP) {
		var stop func()
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	err := cmd.Run(ctx, c)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return err
}

// catchHangups returns a channel of the SIGHUP signals that this process receives from now on. Until stop
// is called, SIGHUP does not end the process.
//
// It also ignores SIGPIPE. Therefore a broken pipe of standard output or error does not end the process,
// but later log lines are lost.
func catchHangups() (hangups <-chan os.Signal, stop func()) {
	ignoreSIGPIPE()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reloadOn reads all files again on each signal. It returns when ctx ends.
func reloadOn(ctx context.Context, hangups <-chan os.Signal, all []reload, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		flags := []string{}
		for _, r := range all {
			if err := r.read(); err != nil {
				log.Error("SIGHUP: cannot read a file again, the old value stays", "flag", r.flag, "error", err)
				continue
			}
			flags = append(flags, r.flag)
		}
		log.Info("SIGHUP: read files again", "flags", flags)
	}
}

// logStop logs "stopping" when ctx ends. The returned function logs "stopped" as the last line, unless the
// daemon has failed with an error. Without an error it blocks until ctx has ended.
func logStop(ctx context.Context, log *slog.Logger) (logStopped func(err error)) {
	began := make(chan time.Time, 1)
	cancel := context.AfterFunc(ctx, func() {
		now := time.Now()
		log.Info("stopping")
		began <- now // only now may "stopped" be logged
	})
	return func(err error) {
		if err != nil {
			cancel()
			return
		}
		log.Info("stopped", "duration", time.Since(<-began).Round(time.Millisecond))
	}
}
