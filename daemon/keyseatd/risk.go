package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// logDurability logs the database settings that put accepted data at risk. The daemon serves nevertheless.
func logDurability(ctx context.Context, store *bunstore.Store, log *slog.Logger) {
	risks, err := store.DurabilityRisks(ctx)
	if err != nil {
		log.WarnContext(ctx, "whether the database is durable cannot be read", "error", err)
	}
	for _, r := range risks {
		log.WarnContext(ctx, "the database is not durable", "setting", r.Setting, "value", r.Value, "means", r.Means)
	}
}

// printDurability prints the same warnings for an operator. They are not findings, because the stored data is
// consistent.
func printDurability(ctx context.Context, store *bunstore.Store, to io.Writer) error {
	risks, err := store.DurabilityRisks(ctx)
	for _, r := range risks {
		_, _ = fmt.Fprintf(to, "warning: the database is not durable: %s is %q: %s\n", r.Setting, r.Value, r.Means) // the output has precedence, so an error is ignored
	}
	return err
}
