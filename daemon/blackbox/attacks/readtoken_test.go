package attacks_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestReadTokenRevealsNoCode reads everything that a read token may read, and searches for whole codes. An export token
// reads all codes, and each list that it reads is logged.
func TestReadTokenRevealsNoCode(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		codes := strings.Fields(s.MustExec("keys", "generate", "--count", "3"))
		s.ImportPlans("p,US,9,,")
		o, file := s.ServeAdmin("--task-attempts", "1")
		for _, code := range codes {
			o.MustAccept(harness.Upgrade(code, "success@example.com", "US"))
			o.WaitEnd(code)
		}
		o.Token = s.AddToken(file, "board", "read")
		for i, body := range readAll(o, codes) {
			for _, code := range codes {
				if strings.Contains(body, code) {
					s.Errorf("answer %d contains a whole code: %s", i, body)
				}
			}
		}
		if a := o.Call("GET", "/keys?limit=1&after="+codes[0], ""); a.Code != 400 {
			s.Errorf("a guessed cursor: %d %s", a.Code, a.Body)
		}
		if n := strings.Count(o.Logs.String(), `"count"`); n != 0 {
			s.Errorf("%d lines about whole codes", n)
		}
		o.Token = s.AddToken(file, "books", "export")
		all := o.Call("GET", "/keys", "").Body
		for _, code := range codes {
			if !strings.Contains(all, code) || strings.Contains(o.Logs.String(), code) {
				s.Errorf("%s is not in the export, or is in the log", code)
			}
		}
		o.Eventually("the audit log has the list", func() bool {
			log := o.Logs.String()
			return strings.Contains(log, `"count":3`) && strings.Contains(log, `"token":"books"`) && strings.Contains(log, `"client":"127.0.0.1`)
		})
	})
}

// readAll reads every list, key, task and page with the operator's token.
func readAll(o *harness.Operator, codes []string) (bodies []string) {
	o.Helper()
	for after := ""; ; {
		var page struct{ Next *string }
		a := o.Call("GET", "/keys?limit=1"+after, "")
		o.Decode(a, 200, &page)
		bodies = append(bodies, a.Body)
		if page.Next == nil {
			break
		}
		sealed, _ := base64.RawURLEncoding.DecodeString(*page.Next)
		bodies, after = append(bodies, string(sealed)), "&after="+url.QueryEscape(*page.Next)
	}
	v, _ := o.SignIn(o.Token)
	targets := []string{"/tasks", "/activity"}
	pages := []string{"/", "/console/keys", "/console/tasks", "/console/activity"}
	for i, t := range o.Tasks() {
		targets = append(targets, "/tasks/"+t.ID, "/keys/"+codes[i])
		pages = append(pages, harness.TaskPath(t.ID), "/console/key?task="+t.ID, harness.KeyPath(v.KeyReference(codes[i])))
	}
	for _, target := range targets {
		bodies = append(bodies, o.Call("GET", target, "").Body)
	}
	for _, path := range pages {
		bodies = append(bodies, v.ExpectStatus(200, "GET", path, "").Body)
	}
	return bodies
}
