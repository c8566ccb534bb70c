package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

var viewApartText = `
	SELECT @now, ` + viewColumns + ` FROM keyseat_keys k
	LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id
	WHERE k.code = ANY (@codes)`

// viewApart is [session.View] for a distributed store, where what is not found cannot be joined to.
func (s session) viewApart(ctx context.Context, codes []keys.Code) ([]tasks.View, error) {
	s, err := s.timed(ctx)
	if err != nil {
		return nil, err
	}
	found, one := map[keys.Code]tasks.View{}, newViewing()
	err = s.ask(ctx, question{viewApartText, args{"codes": named(codes).texts(0)}, func(r row) error {
		v, err := one.read(r)
		found[v.Key.Code] = v
		return err
	}})
	views := make([]tasks.View, len(codes))
	for i, code := range codes {
		v, known := found[code]
		if !known {
			v.At = s.now()
		}
		views[i] = v
	}
	return views, err
}

var findApartText = `
	SELECT ` + keyTable.columns.list("k.%") + ` FROM keyseat_keys k
	WHERE k.code = ANY (@codes)`

// findApart is [session.Find] there.
func (s session) findApart(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	found := map[keys.Code]keys.Key{}
	err := s.ask(ctx, question{findApartText, args{"codes": named(codes).texts(0)}, func(r row) error {
		var k keys.Key
		err := r.scan(keyTable.fields(&k))
		found[k.Code] = k
		return err
	}})
	all := make([]keys.Key, len(codes))
	for i, code := range codes {
		all[i] = found[code]
	}
	return all, err
}
