package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
)

// keysGenerate is keyseatd keys generate.
type keysGenerate struct {
	databaseFlag
	Count int    `help:"How many codes to make, up to a million." required:"" placeholder:"N" validate:"min=1,max=1000000"`
	Order string `help:"The order that they are for." placeholder:"ID" validate:"text"`
}

// Run issues codes. They are printed once they are stored, because a code that is sold must be found.
func (k *keysGenerate) Run(ctx context.Context, c console) error {
	return k.create(ctx, func(s *bunstore.Store) error {
		fresh := k.issue(time.Now())
		if err := s.ImportKeys(ctx, each(fresh)); err != nil {
			return err
		}
		return printCodes(c.out, fresh)
	})
}

// issue makes keys that are bought at that time.
func (k *keysGenerate) issue(at time.Time) []keys.Key {
	fresh := make([]keys.Key, k.Count)
	for i := range fresh {
		fresh[i] = keys.Key{
			Code: newCode(), Status: keys.Active,
			OrderID: k.Order, PurchaseDate: at.UTC().Truncate(time.Second),
		}
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
