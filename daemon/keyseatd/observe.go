package main

import (
	"io"
	"log/slog"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/metrics"
)

// noStack is above every log level. It turns stack traces off, because errors are described in words and a
// stack trace does not help an operator.
const noStack = slog.Level(127)

// logFlags set the level and the format of the log. Package loglimit limits repeated lines.
type logFlags struct {
	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"Lowest level of logged lines: debug, info, warn or error."`
	LogFormat string `default:"console" enum:"console,json" help:"Format of the log: console or json."`
}

// logger returns a logger that writes to a stream.
func (f logFlags) logger(to io.Writer) *slog.Logger {
	level, err := zapcore.ParseLevel(f.LogLevel)
	if err != nil {
		level = zapcore.InfoLevel // unreachable: the flag has been validated
	}
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.RFC3339TimeEncoder
	config.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(config)
	if f.LogFormat == "console" {
		config.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(config)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(to)), level)
	return slog.New(zapslog.NewHandler(core, zapslog.AddStacktraceAt(noStack)))
}

// newMetrics returns the metrics of a daemon that serves store.
func newMetrics(store *bunstore.Store, log *slog.Logger) *metrics.Recorder {
	m := metrics.New(strings.TrimPrefix(version(), "keyseatd "))
	for name, pool := range store.Pools() {
		m.WatchPool(name, pool)
	}
	m.Watch(store, log)
	return m
}
