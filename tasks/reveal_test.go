package tasks_test

import (
	"testing"

	"github.com/keyseat/keyseat/tasks"
)

// TestRevealedBy checks that a login is recognized in every form in which a provider returns it.
func TestRevealedBy(t *testing.T) {
	a := tasks.Account{
		Login: tasks.NewSecret("Lower.Jane.Doe@Example.Com"), Password: tasks.NewSecret("pass word+9"),
		NewEmail: tasks.NewSecret("jo@x.example"), NewPassword: tasks.NewSecret(""),
	}
	for text, want := range map[string]bool{
		"Lower.Jane.Doe@Example.Com": true, "lower.jane.doe@example.com": true, "LOWER.JANE.DOE@EXAMPLE.COM": true,
		" lower.jane.doe @ example.com ": true, "lower.jane.doe%40example.com": true, "lower.jane.doe%2540example.com": true,
		"lower.jane.doe&#64;example.com": true, "lower.jane.doe&commat;example.com": true, "lower.jane.doe＠example.com": true,
		"ｌｏｗｅｒ.jane.doe": true, "lower.jane\u200b.doe": true, "lower.jane\u202e.doe": true, "lower.jane.doe": true,
		"user lower.jane.doe of US": true, "pass word+9": true, "PASSWORD+9": true, "pass+word%2B9": true,
		"jo": true, "JO@X.example": true, "ſ": false,
		"": false, "joan": false, "jane": false, "user-4711": false, "12 Main Street": false, "100%": false,
	} {
		if got := a.RevealedBy(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if (tasks.Account{}).RevealedBy("anything") {
		t.Error("an empty secret is found in a text")
	}
}
