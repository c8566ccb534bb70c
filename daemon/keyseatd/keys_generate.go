package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// keysGenerate is the command keyseatd keys generate.
type keysGenerate struct {
	databaseFlag
	Count int    `help:"How many codes to make, up to a million." required:"" placeholder:"N" validate:"min=1,max=1000000"`
	Order string `help:"The order that they are for." placeholder:"ID" validate:"text"`
}

// Help explains the output and shows examples.
func (*keysGenerate) Help() string {
	return examples("The codes are printed once they are stored: keep the output. If it is lost, "+
		"`keyseatd keys export` has them, with --batch where an error names the batch.",
		"keyseatd keys generate --count 3",
		"keyseatd keys generate --count 1000 --order shop-4711 > codes.txt")
}

// Run issues codes. It prints the codes after they are stored, because a code that is sold must exist in
// the store.
func (k *keysGenerate) Run(ctx context.Context, c stdio) error {
	return k.create(ctx, func(s *bunstore.Store) error {
		fresh := k.issue(time.Now())
		batch := adminstore.ImportBatch{ID: operatorEngine(s).NewID(), Type: tasks.EventIssued}
		find := "`keyseatd keys export --batch " + batch.ID + "` prints them, and `keyseatd keys revoke` withdraws one"
		if err := s.ImportKeys(ctx, batch, each(fresh)); err != nil {
			return fmt.Errorf("%w; if the keys are stored all the same, %s", err, find)
		}
		return c.printStored(fmt.Sprintf("%d keys are stored", len(fresh)), find, func(w io.Writer) error { return printCodes(w, fresh) })
	})
}

// issue creates keys with at as the purchase date.
func (k *keysGenerate) issue(at time.Time) []keys.Key {
	fresh := make([]keys.Key, k.Count)
	for i := range fresh {
		fresh[i] = keys.Issue(entropy(), k.Order, at)
	}
	return fresh
}

func printCodes(w io.Writer, all []keys.Key) error {
	out := bufio.NewWriter(w)
	for _, k := range all {
		if _, err := fmt.Fprintln(out, k.Code); err != nil {
			return err
		}
	}
	return out.Flush()
}
