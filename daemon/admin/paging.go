package admin

import (
	"slices"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// pageParams are the parameters that select a page of keys, tasks or the activity.
var pageParams = []string{"after", "before", "limit", "sort"}

func (c *call) page(q *query) (p adminstore.Page) {
	p.Limit, p.Order = q.limit(), adminstore.Order(q.values.Get("sort"))
	if q.values.Has("sort") && !slices.Contains([]adminstore.Order{adminstore.Oldest, adminstore.Newest}, p.Order) {
		q.fail("sort must be oldest or newest")
	}
	name := "after"
	if p.Back = q.values.Has("before"); p.Back {
		name = "before"
	}
	if p.Back && q.values.Has("after") {
		q.fail("after and before exclude each other")
	}
	text := q.values.Get(name)
	if text == "" && !p.Back {
		return p
	}
	var err error
	if p.After, err = c.parseCursor(text); err != nil || p.After.IsZero() {
		q.fail(name + " must be the next or previous of another page")
	}
	return p
}

// neighbors are the cursors of the pages around a page of a list: the parameter "after" of the next page, and "before"
// of the previous one. A cursor is nil if that page does not exist.
type neighbors struct {
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
}

func (c *call) neighbors(next, previous adminstore.Position) (n neighbors, err error) {
	if n.Next, err = c.cursor(next); err == nil {
		n.Previous, err = c.cursor(previous)
	}
	return n, err
}

// cursor returns a position as a text, or nil for the zero position. The position in a list of keys can be a code.
// Therefore the text is sealed for a client that must not list whole codes. Otherwise the client could read each code from
// the cursor of a short page, or find codes by trying cursors.
func (c *call) cursor(p adminstore.Position) (*string, error) {
	if p.IsZero() {
		return nil, nil
	}
	text := p.ID
	if !p.At.IsZero() {
		text = p.At.UTC().Format(cursorTime) + p.ID
	}
	if c.token.Role.Allows(Export) {
		return &text, nil
	}
	text, err := view.SealCode(c.Engine.Sealer, keys.Code(text))
	return &text, err
}

// cursorTime is the format of the time in a cursor. In a cursor, the id of the position follows the time.
const cursorTime = "2006-01-02T15:04:05.000000Z~"

// parseCursor returns the position of a cursor. The position in a list that is sorted by code is the code alone.
func (c *call) parseCursor(text string) (p adminstore.Position, err error) {
	if !c.token.Role.Allows(Export) {
		code, err := view.OpenCode(c.Engine.Sealer, text)
		if text = string(code); err != nil {
			return p, err
		}
	}
	if n := len(cursorTime); len(text) > n {
		if p.At, err = time.Parse(cursorTime, text[:n]); err == nil {
			p.ID = text[n:]
			return p, nil
		}
	}
	code, err := keys.Parse(text)
	return adminstore.Position{ID: string(code)}, err
}
