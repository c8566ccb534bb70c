package admin

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A planEdit is the body of PUT /plans/{id}. A field that is not given keeps its value.
type planEdit struct {
	Country *string `json:"country"`
	Slots   *int    `json:"slots"`
	Address *string `json:"address"`
	Invite  *string `json:"invite"`
	Expires expiry  `json:"expires_at"`
}

// edit checks the body by the rules for a CSV file of plans.
func (b planEdit) edit(id string) (stock.PlanEdit, error) {
	e := stock.PlanEdit{ID: id, Size: b.Slots, Address: b.Address, Invite: b.Invite, ExpiresAt: b.Expires.at}
	if b.Country != nil {
		country, err := stock.ParseCountry(keys.Trim(*b.Country))
		if err != nil {
			return e, invalid("country", "must be an ISO 3166-1 alpha-2 code (e.g., US)")
		}
		e.Country = &country
	}
	if b.Slots != nil && (*b.Slots < 0 || *b.Slots > stock.MaxSize) {
		return e, invalid("slots", fmt.Sprintf("must be 0 to %d", stock.MaxSize))
	}
	return e, cmp.Or(prose("address", b.Address), prose("invite", b.Invite))
}

// prose checks a text that may have line breaks, such as an address.
func prose(field string, value *string) error {
	if value == nil {
		return nil
	}
	return text(field, strings.ReplaceAll(*value, "\n", " "))
}

// editPlan creates or changes a plan, and puts it into stock. The answer does not contain the plan,
// because a plan cannot be read by its id.
func (c *call) editPlan() (answer, error) {
	id, err := c.planID()
	if err != nil {
		return answer{}, err
	}
	body, err := decode[planEdit](c)
	if err != nil {
		return answer{}, err
	}
	edit, err := body.edit(id)
	if err != nil {
		return answer{}, err
	}
	err = c.edit(edit)
	if errors.Is(err, stock.ErrPlan) {
		err = invalid("country", "and slots are needed, since the plan is new")
	}
	return answer{status: http.StatusNoContent}, err
}

func (c *call) retirePlan() (answer, error) {
	id, err := c.planID()
	if err == nil {
		err = c.nothing()
	}
	if err == nil {
		err = c.edit(stock.PlanEdit{ID: id, Retire: true})
	}
	return answer{status: http.StatusNoContent}, err
}

// planID returns the plan's id from the path.
func (c *call) planID() (string, error) {
	if !csvfile.ValidID(c.variable) {
		return "", stock.ErrPlan
	}
	c.about = []slog.Attr{slog.String("plan", c.variable)}
	return c.variable, nil
}

// edit makes one edit. If the plan does not allow it, the fault contains the reason, because
// operators may see it.
func (c *call) edit(e stock.PlanEdit) error {
	err := c.AdminStore.EditPlans(c.r.Context(), []stock.PlanEdit{e})
	row, is := errors.AsType[adminstore.RowError](err)
	if is && !errors.Is(err, stock.ErrPlan) {
		return fault{PlanInUse, row.Err.Error()}
	}
	return err
}
