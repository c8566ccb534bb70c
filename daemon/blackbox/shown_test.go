package blackbox_test

import (
	"encoding/json"
	"net/http"
)

// A KeyInfo is what info shows of a key.
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

// Info asks for a key, which must be there.
func (d *Daemon) Info(code string) KeyInfo {
	d.Helper()
	a := d.Get(Query("info", code))
	k := KeyInfo{Body: a.Body}
	if err := json.Unmarshal([]byte(a.Body), &k); err != nil || a.Code != http.StatusOK || k.Status == "not_exist" {
		d.Fatalf("info: %d %s", a.Code, a.Body)
	}
	return k
}

// WaitEnd waits until the key's task has ended.
func (d *Daemon) WaitEnd(code string) (k KeyInfo) {
	d.Helper()
	d.Eventually("the task ends", func() bool {
		k = d.Info(code)
		return k.Status != "in_queue"
	})
	return k
}

// ExpectEnd waits for the end, which must be that.
func (d *Daemon) ExpectEnd(code, status, message string) {
	d.Helper()
	if k := d.WaitEnd(code); k.Status != status || k.Message != message {
		d.Errorf("%s ended as %s", code, k.Body)
	}
}
