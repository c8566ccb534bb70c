package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

func TestInfo(t *testing.T) {
	at := time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)
	const dates = `"purchase_date":"2026-11-22T19:37:00Z","used_date":null}`
	for body, want := range map[string]client.Info{
		`{"status":"failed_upgrade","message":"Wrong address","used":0,` + dates:                           {Shape: keys.Reusable, Status: keys.FailedUpgrade, Message: "Wrong address", PurchaseDate: at},
		`{"status":"active","message":"","invite":"i","address":"a","used":1,` + dates:                     {Shape: keys.ByInvite, Status: keys.Active, Invite: "i", Address: "a", Used: true, PurchaseDate: at},
		`{"status":"failed","message":"m","used":1,` + dates:                                               {Shape: keys.ByMessage, Status: keys.Failed, Message: "m", Used: true, PurchaseDate: at},
		`{"status":"success","message":"","username":"u","verify_address":"v","used":1,` + dates:           {Shape: keys.ByAccount, Status: keys.Success, Username: "u", VerifyAddress: "v", Used: true, PurchaseDate: at},
		`{"status":"active","message":"","username":"","verify_address":"","used":0,"x":1,` + dates + "\n": {Shape: keys.ByAccount, Status: keys.Active, PurchaseDate: at},
	} {
		c, w := open(t, step{status: 200, body: body})
		got, err := c.Info(t.Context(), code)
		checkErr(t, body, err)
		if got != want {
			t.Errorf("%s:\n%+v", body, got)
		}
		r := w.sent[0]
		if r.Method != http.MethodPost || r.URL.String() != "https://keys.example/below/API/" || w.body[0] != "info="+code {
			t.Errorf("%s %s %q", r.Method, r.URL, w.body[0])
		}
	}
	c, _ := open(t, step{status: 200, body: `{"status":"not_exist","message":"This key was not found in our database"}`})
	info, err := c.Info(t.Context(), code)
	checkErr(t, "not there", err, tasks.UnknownKey)
	if info.Shape != keys.NotFound {
		t.Errorf("%+v", info)
	}
}

func TestOutcome(t *testing.T) {
	for _, kind := range tasks.Kinds() {
		for _, o := range tasks.Outcomes(kind) {
			i := client.Info{Status: map[tasks.Kind]keys.Status{tasks.Upgrade: keys.FailedUpgrade, tasks.Renew: keys.Failed}[kind], Message: o.Message(kind)}
			if o == tasks.Success {
				i.Status = map[tasks.Kind]keys.Status{tasks.Upgrade: keys.Success, tasks.Renew: keys.SuccessRenew}[kind]
			}
			if got := i.Outcome(); got != o {
				t.Errorf("%s of %s: %q", o, kind, got)
			}
		}
	}
	for _, i := range []client.Info{{Status: keys.Active}, {Status: keys.InQueue}, {Status: keys.Failed, Message: "others"}, {Status: "new"}} {
		if got := i.Outcome(); got != "" {
			t.Errorf("%+v: %s", i, got)
		}
	}
}

func TestStock(t *testing.T) {
	c, _ := open(t, step{status: 200, body: `[{"country":"Germany","country_code":"DE","slots":10}]`})
	got, err := c.Stock(t.Context())
	checkErr(t, "stock", err)
	if want := []client.CountryStock{{"Germany", "DE", 10}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	c, _ = open(t, step{status: 200, body: `[]`})
	if got, err = c.Stock(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
	for _, body := range []string{`null`, `{}`, `[{}]`, `[{"country":"Germany","country_code":"DE","slots":0}]`, `[1]`} {
		c, _ = open(t, step{status: 200, body: body})
		got, err = c.Stock(t.Context())
		checkErr(t, body, err, client.ErrInvalidResponse)
		if got != nil {
			t.Errorf("%s: %v", body, got)
		}
	}
}

// TestUpgradeAndRenew checks the data that is sent, and that each sentence becomes its refusal.
func TestUpgradeAndRenew(t *testing.T) {
	c, w := open(t, step{status: 200, body: `{"status":"success","message":"sent"}`})
	old := tasks.Account{Login: account.Login, Password: account.Password}
	checkErr(t, "upgrade", c.Upgrade(t.Context(), code, account, "US"))
	checkErr(t, "renew", c.Renew(t.Context(), code, account, "US"))
	checkErr(t, "renew with nothing new", c.Renew(t.Context(), code, old, ""))
	for i, want := range []url.Values{
		{"upgrade": {code}, "login": {"canary@login.example"}, "pwd": {"canary password 1"}, "country": {"US"}},
		{"renew": {code}, "login": {"canary@login.example"}, "pwd": {"canary password 1"}, "country": {"US"}, "newemail": {"canary@email.example"}, "newpwd": {"canary password 2"}},
		{"renew": {code}, "login": {"canary@login.example"}, "pwd": {"canary password 1"}},
	} {
		got, err := url.ParseQuery(w.body[i])
		if err != nil || !reflect.DeepEqual(got, want) || w.sent[i].URL.RawQuery != "" {
			t.Errorf("%v %v", got, err)
		}
	}
	for _, r := range []tasks.Refusal{
		tasks.PasswordMissing, tasks.PasswordWeak, tasks.LoginMissing, tasks.CountryInvalid, tasks.EmailInvalid, tasks.KeyGone,
		tasks.UpgradeOpen, tasks.RenewOpen, tasks.KeyUsed, tasks.KeyUnused, tasks.KeyLegacy,
	} {
		c, w := open(t, step{status: 200, body: `{"status":"error","message":"` + r.Error() + `"}`})
		err := c.Upgrade(t.Context(), code, account, "US")
		checkErr(t, string(r), err, r)
		if refused, is := errors.AsType[*client.RefusedError](err); !is || refused.Message != r.Error() || len(w.sent) != 1 {
			t.Errorf("%v, sent %d times", err, len(w.sent))
		}
	}
	c, _ = open(t, step{status: 200, body: `{"status":"not_exist","message":"` + tasks.UnknownKey.Error() + `"}`})
	checkErr(t, "not there", c.Renew(t.Context(), code, account, "US"), tasks.UnknownKey)
	c, _ = open(t, step{status: 200, body: `{"status":"error","message":"Not on Sundays"}`})
	err := c.Renew(t.Context(), code, account, "US")
	if refused, is := errors.AsType[*client.RefusedError](err); !is || refused.Refusal != "" || refused.Message != "Not on Sundays" || errors.Unwrap(err) != nil {
		t.Errorf("%v", err)
	}
}

// TestInvalidResponses checks responses that no daemon sends. After such a response the effect of a change is not
// known.
func TestInvalidResponses(t *testing.T) {
	for what, s := range map[string]step{
		"nothing":          {status: 200},
		"a page":           {status: 200, body: "<html>We will be back soon</html>"},
		"null":             {status: 200, body: "null"},
		"a list":           {status: 200, body: "[]"},
		"another status":   {status: 200, body: `{"status":"","message":""}`},
		"no message":       {status: 200, body: `{"status":"active","used":0}`},
		"used twice":       {status: 200, body: `{"status":"active","message":"","used":2}`},
		"an odd time":      {status: 200, body: `{"status":"active","message":"","used":0,"used_date":"yesterday"}`},
		"two objects":      {status: 200, body: `{"status":"success"}{"status":"success"}`},
		"too much":         {status: 200, body: `{"status":"success","message":"` + strings.Repeat("m", 64<<10) + `"}`},
		"another 2xx":      {status: 204},
		"without an end":   {status: 200, body: strings.Repeat(" ", 1<<20)},
		"HTML with a 2xx":  {status: 203, body: "<p>"},
		"a status of ours": {status: 200, body: `{"status":3}`},
	} {
		c, w := open(t, s)
		_, err := c.Info(t.Context(), code)
		checkErr(t, what, err, client.ErrInvalidResponse)
		err = c.Upgrade(t.Context(), code, account, "US")
		checkErr(t, what, err, client.ErrInvalidResponse, client.ErrUnknown)
		if len(w.sent) != 2 {
			t.Errorf("%s: sent %d times", what, len(w.sent))
		}
	}
}

// TestErrorStatuses checks responses with a status other than 200. The client neither repeats nor follows them.
func TestErrorStatuses(t *testing.T) {
	for status, unknown := range map[int]bool{301: true, 307: true, 400: false, 404: false, 405: false, 413: false, 415: false, 500: true, 501: true} {
		c, w := open(t, step{status: status, header: "Location: https://elsewhere.example/", body: `{"status":"error","message":"what is wrong"}`})
		_, read := c.Info(t.Context(), code)
		changed := c.Upgrade(t.Context(), code, account, "US")
		for _, err := range []error{read, changed} {
			if s, is := errors.AsType[*client.StatusError](err); !is || s.Code != status || s.Message != "what is wrong" {
				t.Errorf("%d: %v", status, err)
			}
		}
		if errors.Is(read, client.ErrUnknown) || errors.Is(changed, client.ErrUnknown) != unknown || len(w.sent) != 2 {
			t.Errorf("%d: %v, %v, sent %d times", status, read, changed, len(w.sent))
		}
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queued := step{status: 200, body: `{"status":"in_queue","message":"","username":"","verify_address":"","used":0}`}
		ended := step{status: 200, body: `{"status":"failed_upgrade","message":"Wrong address","used":0}`}
		start := time.Now()
		c, w := open(t, queued, queued, step{dial: io.EOF}, step{dial: io.EOF}, step{dial: io.EOF}, step{dial: io.EOF}, step{status: 503, header: "Retry-After: 60"}, queued, ended)
		info, err := c.Wait(t.Context(), code)
		checkErr(t, "wait", err)
		if info.Outcome() != tasks.WrongAddress || len(w.sent) != len(w.steps) || time.Since(start) < time.Minute {
			t.Errorf("%+v after %s and %d requests", info, time.Since(start), len(w.sent))
		}
		c, _ = open(t, queued, step{status: 200, body: `{"status":"not_exist","message":""}`})
		_, err = c.Wait(t.Context(), code)
		checkErr(t, "revoked meanwhile", err, tasks.UnknownKey)
		c, _ = open(t, queued, queued, step{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		info, err = c.Wait(ctx, code)
		checkErr(t, "too long", err, context.DeadlineExceeded)
		if !info.Open() {
			t.Errorf("the last was %+v", info)
		}
	})
}
