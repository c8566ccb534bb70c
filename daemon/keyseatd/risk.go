package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// warn logs which settings of the database put at risk what will be accepted. It is no reason not to serve.
func warn(ctx context.Context, store *bunstore.Store, log *slog.Logger) {
	risks, err := store.Risks(ctx)
	if err != nil {
		log.WarnContext(ctx, "whether the database is durable cannot be read", "error", err)
	}
	for _, r := range risks {
		log.WarnContext(ctx, "the database is not durable", "setting", r.Setting, "value", r.Value, "means", r.Means)
	}
}

// remark tells the same to who looks after the database. It is no finding, because what is stored fits.
func remark(ctx context.Context, store *bunstore.Store, to io.Writer) error {
	risks, err := store.Risks(ctx)
	for _, r := range risks {
		_, _ = fmt.Fprintf(to, "warning: the database is not durable: %s is %q: %s\n", r.Setting, r.Value, r.Means) // it stands beside what was asked for
	}
	return err
}
