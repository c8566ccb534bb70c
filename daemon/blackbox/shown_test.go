package blackbox_test

import (
	"encoding/json"
	"net/http"
)

// A shown is what info shows of a key.
type shown struct {
	Status        string
	Message       string
	Invite        string
	Address       string
	Username      string
	VerifyAddress string `json:"verify_address"`
	Used          int
	PurchaseDate  *string `json:"purchase_date"`
	UsedDate      *string `json:"used_date"`

	body string
}

// info asks for a key, which must be there.
func (d *daemon) info(code string) shown {
	d.Helper()
	a := d.get(q("info", code))
	k := shown{body: a.body}
	if err := json.Unmarshal([]byte(a.body), &k); err != nil || a.code != http.StatusOK || k.Status == "not_exist" {
		d.Fatalf("info: %d %s", a.code, a.body)
	}
	return k
}

// ends waits until the key's task has ended.
func (d *daemon) ends(code string) (k shown) {
	d.Helper()
	d.until("the task ends", func() bool {
		k = d.info(code)
		return k.Status != "in_queue"
	})
	return k
}

// endsAs waits for the end, which must be that.
func (d *daemon) endsAs(code, status, message string) {
	d.Helper()
	if k := d.ends(code); k.Status != status || k.Message != message {
		d.Errorf("%s ended as %s", code, k.body)
	}
}
