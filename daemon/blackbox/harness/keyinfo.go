package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/adapters/connectortest"
)

// A KeyInfo is the answer of info for a key.
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

// Info reads a key, which must exist.
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

// PendingLogin is a login whose task stays open.
const PendingLogin = "202@example.com"

// Countries are codes of countries, enough for tests that need one for each key.
var Countries = strings.Fields("AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG")

// ProviderRequests lists the requests that the provider received for a login, in order.
func (s *Shop) ProviderRequests(login string) []connectortest.Request {
	return slices.DeleteFunc(s.Provider.Requests(), func(r connectortest.Request) bool {
		return r.Content.Account.Login.Reveal() != login
	})
}

// StockLine returns an entry of the answer to stock.
func StockLine(name, code string, slots int) string {
	return fmt.Sprintf(`{"country":"%s","country_code":"%s","slots":%d}`, name, code, slots)
}

// CheckProvider compares the counts of each plan with the effects at the provider. The provider fills at most the
// slots of the plan. It fills every spent slot, and no slot that is neither spent nor suspect.
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

// The sentences of the API documentation, and further ones of keyseat. They are copies, so that a change in the
// program fails a test.
const (
	UnknownKey      = "This key was not found in our database"
	PasswordMissing = "The password is missing"
	PasswordWeak    = "The password must be at least 10 characters long and include at least one number or special character (e.g., # ? ! &)"
	LoginMissing    = "The login is missing"
	CountryInvalid  = "The country must be an ISO 3166-1 alpha-2 code (e.g., US)"
	EmailInvalid    = "The new email address is invalid"
	UpgradeOpen     = "You are processing already an upgrade task, wait until the end, you can check the current status via the key info"
	RenewOpen       = "You are processing already a renew task, wait until the end, you can check the current status via the key info"
	KeyUsed         = "This key is not usable, your account is still premium, if not, renew it"
	KeyUnused       = "This key is usable, you can proceed with the upgrade"
	KeyLegacy       = "This key was last used with the old system, to proceed with the renew try to join again the family, you can retrieve invite and address in the info page. In case family is full or invite is expired, contact support by sending Key, Order ID and Downgrade screenshots"

	NotExist    = `{"status":"not_exist","message":"This key was not found in our database"}`
	UpgradeSent = `{"status":"success","message":"Upgrade request sent successfully, your account will be Premium in a few minutes, you can check the status via the key info"}`
	RenewSent   = `{"status":"success","message":"Renew request sent successfully, your account will be renewed in a few minutes you can check the status via the key info"}`
	TooMany     = `{"status":"error","message":"Too many requests, try again later"}`
	Unavailable = `{"status":"error","message":"System error, try again and if the problem persists contact support"}`
)

// Messages are the messages that info shows, by outcome.
var Messages = map[string]string{
	"system_error":        "System error, try again and if the problem persists contact support",
	"invalid_credentials": "Account details provided are invalid",
	"account_locked":      "Account has been temporarily locked by Spotify, please try again in a few hours. If the issue persists, consider using a different account",
	"out_of_stock":        "There are currently no more upgrades available in stock for the desired location, try a different country",
	"already_premium":     "The account provided is already premium",
	"upgraded_recently":   "Your account was upgraded less than 12 months ago, you need to use another one",
	"plan_expired":        "Family plan is expired",
	"plan_full":           "Family plan is full",
	"plan_invalid":        "Family plan is invalid",
	"already_member":      "Error with family plan, likely already registered to it",
	"wrong_address":       "Wrong address",
	"still_premium":       "The account provided is still premium",
}

// NotDurable begins the warnings of settings with which a server may lose confirmed commits.
const NotDurable = "the database is not durable"
