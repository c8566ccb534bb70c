package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/keys"
)

// The statements that find keys: findText finds several keys. findOneText finds one key, at the least cost
// for the database.
var (
	findText    = `SELECT ` + keyTable.columns.list("%") + ` FROM keyseat_keys WHERE code = ANY (@codes)`
	findOneText = `SELECT ` + keyTable.columns.list("%") + ` FROM keyseat_keys WHERE code = @code`
)

// Find implements [tasks.Store].
func (s session) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	found, err := find(ctx, s.ask, codes)
	return found, s.tell("find", err)
}

func find(ctx context.Context, ask asker, codes []keys.Code) ([]keys.Key, error) {
	found := make([]keys.Key, 0, len(codes))
	var one keys.Key
	into := targets(keyTable.fields(&one))
	text, named := findNamed(codes)
	err := ask(ctx, question{text, named, func(r row) error {
		err := r(into...)
		found = append(found, one)
		return err
	}})
	return inOrder(found, codes), err
}

func findNamed(codes []keys.Code) (string, args) {
	if len(codes) == 1 {
		return findOneText, args{"code": string(codes[0])}
	}
	return findText, args{"codes": codeTexts(codes)}
}

func codeTexts(codes []keys.Code) texts {
	all := make(texts, len(codes))
	for i, code := range codes {
		all[i] = string(code)
	}
	return all
}

// inOrder returns the found keys in the order of the codes. The zero key stands for a code without a key.
func inOrder(found []keys.Key, codes []keys.Code) []keys.Key {
	if len(codes) == 1 && len(found) == 1 {
		return found
	}
	places := make(map[keys.Code]int, len(found))
	for i := range found {
		places[found[i].Code] = i
	}
	all := make([]keys.Key, len(codes))
	for i, code := range codes {
		if place, known := places[code]; known {
			all[i] = found[place]
		}
	}
	return all
}
