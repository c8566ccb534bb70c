package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/adapters/connectortest"
)

// A KeyInfo is the API's answer to info for a key.
type KeyInfo struct {
	Status        string
	Message       string
	Invite        string
	Address       string
	Username      string
	VerifyAddress string `json:"verify_address"`
	Used          int
	PurchaseDate  *string `json:"purchase_date"`
	UsedDate      *string `json:"used_date"`

	Body string
}

// Info calls info for a key, which must exist.
func (d *Daemon) Info(code string) KeyInfo {
	d.Helper()
	a := d.Get(Query("info", code))
	k := KeyInfo{Body: a.Body}
	if err := json.Unmarshal([]byte(a.Body), &k); err != nil || a.Code != http.StatusOK || k.Status == "not_exist" {
		d.Fatalf("info: %d %s", a.Code, a.Body)
	}
	return k
}

// WaitEnd waits until the task of a key has ended.
func (d *Daemon) WaitEnd(code string) (k KeyInfo) {
	d.Helper()
	d.Eventually("the task ends", func() bool {
		k = d.Info(code)
		return k.Status != "in_queue"
	})
	return k
}

// ExpectEnd waits until the task of a key has ended, and checks the status and the message of the key.
func (d *Daemon) ExpectEnd(code, status, message string) {
	d.Helper()
	if k := d.WaitEnd(code); k.Status != status || k.Message != message {
		d.Errorf("%s ended as %s", code, k.Body)
	}
}

// PendingLogin is a login whose task stays open, because the provider always answers that the task is pending.
const PendingLogin = "202@example.com"

// Countries are codes of countries, enough for tests that need a country for each key.
var Countries = strings.Fields("AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG")

// ProviderRequests lists the requests that the provider received for a login, in order.
func (s *Shop) ProviderRequests(login string) []connectortest.Request {
	return slices.DeleteFunc(s.Provider.Requests(), func(r connectortest.Request) bool {
		return r.Content.Account.Login.Reveal() != login
	})
}

// StockLine returns an entry of the API's answer to stock.
func StockLine(name, code string, slots int) string {
	return fmt.Sprintf(`{"country":"%s","country_code":"%s","slots":%d}`, name, code, slots)
}

// CheckProvider compares the slots of each plan with the members that the provider has added to the plan. No slot may
// be held any more. There must be a member for each spent slot, and there may be one for each suspect slot.
func (s *Shop) CheckProvider() {
	s.Helper()
	done := map[string]int{}
	for _, e := range s.Provider.Effects() {
		if e.Kind == "upgrade" && e.Outcome == "success" {
			done[e.Plan]++
		}
	}
	for id, p := range s.Plans() {
		if done[id] > p.Slots || done[id] < p.Spent || done[id] > p.Spent+p.Suspect || p.Held != 0 {
			s.Errorf("the provider has filled %d slots of %+v", done[id], p)
		}
	}
}
