package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// keysCmd groups the commands on keys.
type keysCmd struct {
	Generate keysGenerate `cmd:"" help:"Generate new codes and print them, one per line."`
	Import   keysImport   `cmd:"" help:"Import keys from a CSV file, all or none."`
	Export   keysExport   `cmd:"" help:"Print all keys as CSV that can be imported again."`
	Show     keysShow     `cmd:"" help:"Show the state of a key, the possible actions and its whole history."`
	Revoke   keysRevoke   `cmd:"" help:"Revoke a key. Its open task continues."`
	Restore  keysRestore  `cmd:"" help:"Reverse the revocation of a key."`
	Reset    keysReset    `cmd:"" help:"Make a key usable again, whatever its state."`
}

// keysGenerate is the command keyseatd keys generate.
type keysGenerate struct {
	databaseFlag
	Count int    `help:"Number of codes, up to a million." required:"" placeholder:"N" validate:"min=1,max=1000000"`
	Order string `help:"The id of the order for these keys." placeholder:"ID" validate:"text"`
}

// Help explains the output and shows examples.
func (*keysGenerate) Help() string {
	return examples("The codes are printed after they are stored. Keep the output. If it is lost, `keyseatd keys export` "+
		"prints them, with --batch if an error names the batch.",
		"keyseatd keys generate --count 3",
		"keyseatd keys generate --count 1000 --order shop-4711 > codes.txt")
}

// Run issues codes. It prints the codes after they are stored, because a code that is sold must exist in
// the store.
func (k *keysGenerate) Run(ctx context.Context, c stdio) error {
	return k.create(ctx, func(s *bunstore.Store) error {
		fresh := k.issue(time.Now())
		batch := adminstore.ImportBatch{ID: operatorEngine(s).NewID(), Type: tasks.EventIssued}
		find := "`keyseatd keys export --batch " + batch.ID + "` prints them, and `keyseatd keys revoke` revokes one"
		if err := s.ImportKeys(ctx, batch, seq.All(fresh)); err != nil {
			return fmt.Errorf("%w; if the keys are stored nevertheless, %s", err, find)
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

// printCodes prints the codes, one per line.
func printCodes(w io.Writer, all []keys.Key) error {
	out := bufio.NewWriter(w)
	for _, k := range all {
		if _, err := fmt.Fprintln(out, k.Code); err != nil {
			return err
		}
	}
	return out.Flush()
}

// keyArg selects a database and a key.
type keyArg struct {
	databaseFlag
	Code string `arg:"" help:"The key's code."`
}

// keysRevoke is the command keyseatd keys revoke.
type keysRevoke struct{ keyArg }

// Help shows an example.
func (*keysRevoke) Help() string {
	return examples("", "keyseatd keys revoke 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN")
}

// Run revokes the key.
func (k *keysRevoke) Run(ctx context.Context, c stdio) error {
	if err := k.updateKey(ctx, k.Code, tasks.Revoke); err != nil {
		return err
	}
	return c.done("the key is revoked", hintKey+", `keyseatd keys restore` reverses this")
}

// keysRestore is the command keyseatd keys restore.
type keysRestore struct{ keyArg }

// Help shows an example.
func (*keysRestore) Help() string {
	return examples("", "keyseatd keys restore 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN")
}

// Run reverses the revocation of the key.
func (k *keysRestore) Run(ctx context.Context, c stdio) error {
	if err := k.updateKey(ctx, k.Code, tasks.Restore); err != nil {
		return err
	}
	return c.done("the key is no longer revoked", hintKey+", `keyseatd keys revoke` reverses this")
}

// keysReset is the command keyseatd keys reset.
type keysReset struct{ keyArg }

// Help explains the command and shows an example.
func (*keysReset) Help() string {
	return examples("Support uses it for a key of the old system. An open task must end first; every other key can be reset.",
		"keyseatd keys reset 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN")
}

// Run makes the key usable again.
func (k *keysReset) Run(ctx context.Context, c stdio) error {
	if err := k.updateKey(ctx, k.Code, tasks.Reset); err != nil {
		return err
	}
	return c.done("the key is usable again", hintKey)
}
