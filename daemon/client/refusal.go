package client

import (
	"encoding/json"

	"github.com/keyseat/keyseat/tasks"
)

// The statuses of a response in addition to the statuses of a key.
const (
	statusNotExist = "not_exist"
	statusError    = "error"
	statusSuccess  = "success"
)

// refusals lists the refusals that have the status error. Each of them has its own sentence.
var refusals = []tasks.Refusal{
	tasks.PasswordMissing, tasks.PasswordWeak, tasks.LoginMissing, tasks.CountryInvalid, tasks.EmailInvalid,
	tasks.KeyGone, tasks.UpgradeOpen, tasks.RenewOpen, tasks.KeyUsed, tasks.KeyUnused, tasks.KeyLegacy,
}

// readVerdict parses the response of an upgrade or a renew.
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

// refused returns the refusal that has the sentence of the verdict.
func (v verdict) refused() error {
	for _, r := range refusals {
		if r.Error() == v.Message {
			return &RefusedError{r, v.Message}
		}
	}
	return &RefusedError{"", v.Message}
}
