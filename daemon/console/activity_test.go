package console_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/tasks/activity"
)

// TestActivity checks the page of the activity: its order, its filters, its pages both ways, and its export.
func TestActivity(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importKeys("code-one-1")
	cookie := s.signIn()
	*s.now = s.now.Add(time.Minute)
	found := regexp.MustCompile(`href="(/console/key\?key=[^"]+)"`).FindStringSubmatch(s.get(200, "/console/keys", cookie))
	s.get(200, found[1], cookie)
	key := s.engine.Fingerprints.Fingerprint("code-one-1")
	page := s.get(200, "/console/activity", cookie)
	s.expect(page, []string{
		`<a href="/console/activity?actor=ann">ann</a>`, `<a href="/console/activity?action=sign_in">sign in</a>`, `<td class="code">192.0.2.1</td>`,
		`<a class="code" href="/console/activity?subject=` + key + `">` + key + `</a>`, `aria-current="page">Activity</a>`,
	}, []string{"code-one-1"})
	if strings.Index(page, ">show key<") > strings.Index(page, ">sign in</a>") {
		t.Error("the newest entry is not the first")
	}
	page = s.get(200, "/console/activity?sort=oldest&actor=ann&since=2026-11-22&until=2026-11-22", cookie)
	if strings.Index(page, `>show key</a>`) < strings.Index(page, `>sign in</a>`) {
		t.Error("the oldest entry is not the first")
	}
	s.expect(s.get(200, "/console/activity?actor=bob", cookie), []string{"No action passes the filter."}, nil)
	s.expect(s.get(200, found[1], cookie), []string{`href="/console/activity?subject=` + key + `"`}, nil)
	for _, query := range []string{"?action=nothing", "?since=now"} {
		s.get(400, "/console/activity"+query, cookie)
	}
	csv := s.get(200, "/console/activity/export?action=sign_in", cookie)
	if !strings.Contains(csv, "2026-11-22T19:37:00Z,ann,sign_in,0,,,,,") || strings.Count(csv, "\n") != 2 {
		t.Error(csv)
	}
	s.expect(s.get(200, "/console/activity/export?format=json", cookie), []string{`"action":"show_key","key":"` + key + `"`}, []string{"code-one-1"})
}

// TestActivityPages reads the pages of the activity forwards and back.
func TestActivityPages(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	for i := range 60 {
		*s.now = s.now.Add(time.Second)
		if err := s.store.RecordActivity(t.Context(), activity.Entry{ID: fmt.Sprint(i), Actor: fmt.Sprintf("actor-%d-", i), Action: activity.SignIn}); err != nil {
			t.Fatal(err)
		}
	}
	cookie := s.signIn()
	link := func(page, rel string) string {
		found := regexp.MustCompile(`rel="` + rel + `" href="([^"]+)"`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("no link to the %s page: %s", rel, page)
		}
		return strings.ReplaceAll(found[1], "&amp;", "&")
	}
	first := s.get(200, "/console/activity", cookie)
	second := s.get(200, link(first, "next"), cookie)
	s.expect(first, []string{">actor-59-<", ">actor-11-<"}, []string{">actor-10-<"})
	s.expect(second, []string{">actor-10-<", ">actor-0-<"}, []string{">actor-11-<"})
	s.expect(s.get(200, link(second, "prev"), cookie), []string{">actor-59-<", ">actor-11-<"}, []string{">actor-10-<"})
}
