package client

import (
	"encoding/json"

	"github.com/keyseat/keyseat/tasks"
)

// The statuses that are no key's.
const (
	statusNotExist = "not_exist"
	statusError    = "error"
	statusSuccess  = "success"
)

// refusals are those that come with the status error, each with a sentence of its own.
var refusals = []tasks.Refusal{
	tasks.PasswordMissing, tasks.PasswordWeak, tasks.LoginMissing, tasks.CountryInvalid, tasks.EmailInvalid,
	tasks.KeyGone, tasks.UpgradeOpen, tasks.RenewOpen, tasks.KeyUsed, tasks.KeyUnused, tasks.KeyLegacy,
}

// readVerdict reads the answer to an upgrade or a renew.
func readVerdict(body []byte) error {
	var v verdict
	if json.Unmarshal(body, &v) != nil {
		return ErrAnswer
	}
	switch v.Status {
	case statusSuccess:
		return nil
	case statusNotExist:
		return &RefusedError{tasks.UnknownKey, v.Message}
	case statusError:
		return v.refused()
	}
	return ErrAnswer
}

// refused finds the refusal by its sentence.
func (v verdict) refused() error {
	for _, r := range refusals {
		if r.Error() == v.Message {
			return &RefusedError{r, v.Message}
		}
	}
	return &RefusedError{"", v.Message}
}
