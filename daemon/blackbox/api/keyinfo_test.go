package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestInfoShapes reads a key for every status and shape of info, and checks each answer to the byte.
func TestInfoShapes(t *testing.T) {
	const (
		dates    = `"purchase_date":"2026-01-02T00:00:00Z","used_date":"2026-03-04T03:06:07Z"}`
		no       = `"purchase_date":null,"used_date":null}`
		imported = ",2026-01-02,2026-03-04T05:06:07.9+02:00"
	)
	shapes := []struct{ row, code, want string }{
		{"failed-up,failed_upgrade,0,Wrong address,,,,,0" + imported, "failed-up", `{"status":"failed_upgrade","message":"Wrong address","used":0,` + dates},
		{"failed-up-2,failed_upgrade,,,,,ann,1 Street,,,", "failed-up-2", `{"status":"failed_upgrade","message":"","used":0,` + no},
		{"renewed,success_renew,0,Key Renewed,,,,,," + imported[1:], "renewed", `{"status":"success_renew","message":"Key Renewed","used":0,` + dates},
		{"legacy,active,1,,in&vite,1 <Old> Street,,,0" + imported, "legacy", `{"status":"active","message":"","invite":"in&vite","address":"1 <Old> Street","used":1,` + dates},
		{"legacy-2,,,a note,in,,,,,,", "legacy-2", `{"status":"active","message":"a note","invite":"in","address":"","used":1,` + no},
		{"failed,failed,1,a & b <c> é,,,ann,1 Street,," + imported[1:], "failed", `{"status":"failed","message":"a & b <c> é","used":1,` + dates},
		{"noted,active,0,a note,,,ann,,,,", "noted", `{"status":"active","message":"a note","used":0,` + no},
		{"noted-2,success,,a note,inv,1 Street,ann,,,,", "noted-2", `{"status":"success","message":"a note","used":1,` + no},
		{"plain,,,,,,,,,,", "plain", `{"status":"active","message":"","username":"","verify_address":"","used":0,` + no},
		{"plain-2,active,1,,,,ann,1 Street,," + imported[1:], "plain-2", `{"status":"active","message":"","username":"ann","verify_address":"1 Street","used":1,` + dates},
		{"done,success,,,inv,1 Old Street,ann,1 Street,," + imported[1:], "done", `{"status":"success","message":"","username":"ann","verify_address":"1 Street","used":1,` + dates},
		{"failed-3,failed,,,,,,,,,", "failed-3", `{"status":"failed","message":"","username":"","verify_address":"","used":1,` + no},
		{"revoked,active,0,a note,,,,,1,,", "revoked", harness.NotExist},
		{"revoked-2,failed_upgrade,0,a note,,,,,1,,", "revoked-2", harness.NotExist},
		{"1+1,,,,,,,,,,", "1+1", `{"status":"active","message":"","username":"","verify_address":"","used":0,` + no},
	}
	rows := []string{"code,status,used,message,invite,address,username,verify_address,revoked,purchase_date,used_date"}
	for _, shape := range shapes {
		rows = append(rows, shape.row)
	}
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys(rows...)
		s.AddKeys("queued")
		s.ImportPlans("p,US,1,,")
		d := s.Serve()
		d.MustAccept(harness.Upgrade("queued", harness.PendingLogin, "US"))
		d.Expect(d.Get("info=queued"), http.StatusOK, `{"status":"in_queue","message":"","username":"","verify_address":"","used":0,`+no)
		for _, shape := range shapes {
			d.Expect(d.Get(harness.Query("info", shape.code)), http.StatusOK, shape.want)
			d.Expect(d.Post(harness.Query("info", "\t "+shape.code+" ")), http.StatusOK, shape.want)
		}
		for _, query := range []string{"info", "info=", "info=+", "info=nobody", "info=PLAIN", "info=p%6Cainx", "info=%C3%A9", "info=" + strings.Repeat("k", 129)} {
			d.Expect(d.Get(query), http.StatusOK, harness.NotExist)
		}
		d.Expect(d.Get("info=1+1"), http.StatusOK, shapes[len(shapes)-1].want)
		d.Expect(d.Get("info=p%6Cain"), http.StatusOK, shapes[8].want)
	})
}

// TestKeyLifecycle follows a key through an upgrade, a failed renew, a renew, a failed upgrade and a reset.
func TestKeyLifecycle(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,purchase_date", "K,2026-01-02")
		s.ImportPlans(`p,US,5,"1 Main Street, Springfield",inv`)
		d := s.Serve()
		const bought = `"purchase_date":"2026-01-02T00:00:00Z",`
		before := time.Now().Truncate(time.Second)
		d.MustAccept(harness.Upgrade("K", "success@example.com", "US"))
		up := d.WaitEnd("K")
		used := usedDate(d, up, before)
		username := "user-" + s.Provider.Requests()[0].Content.Task
		d.Expect(d.Get("info=K"), http.StatusOK, `{"status":"success","message":"","username":"`+username+`","verify_address":"1 Main Street, Springfield","used":1,`+bought+used+`}`)

		d.MustAccept(harness.Renew("K", "202=1+account_locked@example.com"))
		d.Expect(d.Get("info=K"), http.StatusOK, `{"status":"in_queue","message":"","username":"`+username+`","verify_address":"1 Main Street, Springfield","used":1,`+bought+used+`}`)
		d.WaitEnd("K")
		d.Expect(d.Get("info=K"), http.StatusOK, `{"status":"failed","message":"`+harness.Messages["account_locked"]+`","used":1,`+bought+used+`}`)

		d.MustAccept(harness.Renew("K", "success@example.com"))
		d.WaitEnd("K")
		d.Expect(d.Get("info=K"), http.StatusOK, `{"status":"success_renew","message":"Key Renewed","used":0,`+bought+used+`}`)
		d.Expect(d.Get(harness.Renew("K", "x")), http.StatusOK, harness.ErrorBody(harness.KeyUnused))

		d.MustAccept(harness.Upgrade("K", "202=1+wrong_address@example.com", "US"))
		d.Expect(d.Get("info=K"), http.StatusOK, `{"status":"in_queue","message":"","username":"","verify_address":"","used":0,`+bought+used+`}`)
		d.WaitEnd("K")
		d.Expect(d.Get("info=K"), http.StatusOK, `{"status":"failed_upgrade","message":"Wrong address","used":0,`+bought+used+`}`)

		s.MustExec("keys", "reset", "K")
		d.Expect(d.Get("info=K"), http.StatusOK, `{"status":"active","message":"","username":"","verify_address":"","used":0,`+bought+used+`}`)
		if p := s.Plans()["p"]; p.Spent != 1 || p.Free != 4 {
			s.Errorf("one slot was spent: %+v", p)
		}
	})
}

// usedDate checks that a key was used since a time, and returns its used_date as info shows it.
func usedDate(d *harness.Daemon, k harness.KeyInfo, since time.Time) string {
	d.Helper()
	if k.UsedDate == nil {
		d.Fatalf("no used_date: %s", k.Body)
	}
	at, err := time.Parse("2006-01-02T15:04:05Z", *k.UsedDate)
	if err != nil || at.Before(since) || at.After(time.Now()) {
		d.Errorf("used_date is %s, not between %s and now", *k.UsedDate, since)
	}
	return `"used_date":"` + *k.UsedDate + `"`
}
