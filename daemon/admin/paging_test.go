package admin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// TestPagesForwardAndBack reads a list to its end and back, as each role.
func TestPagesForwardAndBack(t *testing.T) {
	s := newFixture(t)
	s.importKeys(keys.Key{Code: "a"}, keys.Key{Code: "b"}, keys.Key{Code: "c"}, keys.Key{Code: "d_~"}, keys.Key{Code: "e"})
	for _, token := range []string{reader, exporter} {
		for _, query := range []string{"", "&sort=oldest", "&sort=newest", "&used=false"} {
			var pages []string
			cursor := ""
			for {
				var page struct {
					Keys           []struct{ Fingerprint string }
					Next, Previous *string
				}
				s.read(s.send(http.MethodGet, "/keys?limit=2"+query+cursor, "", as(token)), 200, &page)
				pages = append(pages, fmt.Sprint(page.Keys))
				if (page.Previous == nil) != (len(pages) == 1 || len(pages) == 5) || (page.Next == nil) != (len(pages) == 3) {
					t.Errorf("%s, page %d: %v", query, len(pages), page)
				}
				if len(pages) == 5 {
					break
				}
				if cursor = "&before="; len(pages) < 3 {
					cursor = "&after=" + url.QueryEscape(*page.Next)
				} else {
					cursor += url.QueryEscape(*page.Previous)
				}
			}
			if pages[3] != pages[1] || pages[4] != pages[0] || pages[0] == pages[1] {
				t.Errorf("%s: %q", query, pages)
			}
		}
	}
}

func TestFilterTasks(t *testing.T) {
	s := newFixture(t)
	s.importKeys(keys.Key{Code: "A"}, keys.Key{Code: "B"}, keys.Key{Code: "C"})
	s.plan("p", "US", 9)
	first := s.accept("A")
	s.end(tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success})
	second := s.accept("B")
	s.end(tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.WrongAddress})
	third := s.accept("C")
	for query, want := range map[string][]string{
		"":                              {first, second, third},
		"sort=newest":                   {third, second, first},
		"state=failed":                  {second},
		"state=open":                    {third},
		"outcome=success,wrong_address": {first, second},
		"outcome=success&outcome=wrong_address&sort=newest": {second, first},
		"country=us":       {first, second, third},
		"country=DE":       {},
		"plan=p&key=B":     {second},
		"since=2000-01-01": {first, second, third},
		"until=2000-01-01": {},
	} {
		var page struct{ Tasks []struct{ ID string } }
		s.get("/tasks?"+query, &page)
		got := []string{}
		for _, task := range page.Tasks {
			got = append(got, task.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, not %q", query, got, want)
		}
	}
}

// TestSearch checks what each role finds. A client that must not see whole codes cannot find one character by
// character.
func TestSearch(t *testing.T) {
	s := newFixture(t)
	own := keys.Generate([keys.EntropyBytes]byte{0: 0xAB, 14: 0xCD})
	s.importKeys(keys.Key{Code: own, OrderID: "order-7"}, keys.Key{Code: "ABC", OrderID: "order-70", Status: keys.Success, Used: true, Username: "someone"})
	s.plan("plan-7", "US", 9)
	id := s.accept(own)
	end, begin := string(own[len(own)-5:]), string(own[:5])
	for text, want := range map[string]string{ // numbers of keys, orders, usernames, tasks, plans
		string(own):                  "10000",
		strings.ToLower(string(own)): "10000",
		"…" + end:                    "10000",
		"ABC":                        "10000",
		"order-7":                    "02000",
		"some":                       "00100",
		id:                           "00010",
		id[:9]:                       "00010",
		"plan":                       "00001",
		begin:                        "export 10000",
		"AB":                         "export 10000",
	} {
		want, onlyExport := strings.CutPrefix(want, "export ")
		for _, token := range []string{reader, writer, exporter} {
			var found struct {
				Keys, Orders, Usernames []struct{ Code string }
				Tasks, Plans            []struct{ ID, Code string }
			}
			r := s.send(http.MethodGet, "/search?q="+url.QueryEscape(text), "", as(token))
			s.read(r, 200, &found)
			got := fmt.Sprint(len(found.Keys), len(found.Orders), len(found.Usernames), len(found.Tasks), len(found.Plans))
			expected := want
			if onlyExport && token != exporter {
				expected = "00000"
			}
			if strings.ReplaceAll(got, " ", "") != expected || token != exporter && strings.Contains(r.body, string(own)) {
				t.Errorf("%s by %s: %s", text, token, r.body)
			}
		}
	}
	for _, query := range []string{"", "?q=", "?q=%E2%80%A6", "?q=a&q=b", "?q=a&limit=3"} {
		s.refused(s.send(http.MethodGet, "/search"+query, ""), 400, string(admin.QueryInvalid))
	}
}
