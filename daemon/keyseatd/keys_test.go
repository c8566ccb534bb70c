package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
)

const someKeys = `code,purchase_date,order_id,used,used_date,invite,address,username,verify_address,status,message,revoked
AAA,2026-01-02,=o1,,,,,,,,,
aaa,2026-01-02T03:04:05.678901+02:00,,1,2026-02-03T00:00:00Z,,,ann,"1 High Street
London",success,,
leg,,,,,https://provider.example/i?a=1&b=2,"2 Low Street, Leeds",,,,,
"q""uote",,,,,,,,,failed_upgrade,Wrong address,
0000000000000000000000012,,,,,,,,,success_renew,Key Renewed,
-gone,,,,,,,,,,,true
old,,,true,,,,,,failed,The account provided is still premium,
`

const exportedKeys = `code,purchase_date,order_id,used,used_date,invite,address,username,verify_address,status,message,revoked
-gone,,,0,,,,,,active,,1
00000-00000-00000-00000-00012,,,0,,,,,,success_renew,Key Renewed,0
AAA,2026-01-02T00:00:00Z,=o1,0,,,,,,active,,0
aaa,2026-01-02T01:04:05.678901Z,,1,2026-02-03T00:00:00Z,,,ann,"1 High Street
London",success,,0
leg,,,1,,https://provider.example/i?a=1&b=2,"2 Low Street, Leeds",,,active,,0
old,,,1,,,,,,failed,The account provided is still premium,0
"q""uote",,,0,,,,,,failed_upgrade,Wrong address,0
`

func TestKeysRoundTrip(t *testing.T) {
	var first string
	onEveryDatabase(t, func(sh shell) {
		sh.golden(sh.ok("keys", "import", sh.file("keys.csv", someKeys)), "imported: 7 keys\n")
		first = sh.ok("keys", "export")
		if first != exportedKeys {
			sh.Errorf("got %s", first)
		}
		if sheet := sh.ok("keys", "export", "--spreadsheet"); !strings.Contains(sheet, "\n'-gone,") || !strings.Contains(sheet, ",'=o1,") {
			sh.Errorf("got %s", sheet)
		}
	})
	onEveryDatabase(t, func(sh shell) {
		sh.feed("\ufeff"+strings.ReplaceAll(first, "\n", "\r\n"), "keys", "import", "-")
		if again := sh.ok("keys", "export"); again != first {
			sh.Errorf("got %s", again)
		}
	})
}

// TestKeysImportFaults checks that each error names its line, and that nothing of the file is stored.
func TestKeysImportFaults(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		sh.feed("code\nold\n", "keys", "import", "-")
		for file, want := range map[string]string{
			"":                                         "line 1: the file is empty",
			"secret-code\n":                            "line 1: the first line must name the columns",
			"code,colour\nnew,red\n":                   "line 1: column 2 (colour) is not one of code,purchase_date,",
			"code,code\nnew,new\n":                     "line 1: the column code comes twice",
			"used\n1\n":                                "line 1: the column code is missing",
			"code,used\nnew,1\nb\n":                    "line 3: 1 cells under a header of 2",
			"code\nnew\nb c\n":                         "line 3: code must be 1 to 128 printable ASCII",
			"code,status\nnew,\nb,in_queue\n":          "line 3: status must be one of active,",
			"code,status,used\nnew,,\nb,success,0\n":   "line 3: status success does not agree with used 0",
			"code,invite,used\nnew,,0\nb,link,0\n":     "line 3: used must be 1 or empty",
			"code,used\nnew,\nb,maybe\n":               "line 3: used must be 0, 1, true or false",
			"code,revoked\nnew,\nb,maybe\n":            "line 3: revoked must be",
			"code,used_date\nnew,\nb,22/11/2026\n":     "line 3: used_date must be a time",
			"code,address\nnew,\"a\nb\"\nb,\x00\n":     "line 4: address has a control character",
			"code,message\nnew,\nb,\xff\n":             "line 3: message is not UTF-8",
			"code\nnew\n\"b\n":                         "line 3: a quote is out of place or never closed",
			"code,address\nnew,\"a\nb\"\n\nold,\nb,\n": "line 5: the code exists already",
			"code\nnew\nb\nnew\n":                      "line 4: the code exists already",
			"code\n0000000000000000000000012\n00000-00000-00000-00000-00012\n": "line 3: the code exists already",
		} {
			sh.fails(exitFailed, want, file, "keys", "import", "-")
		}
		if rest := sh.ok("keys", "export"); strings.Count(rest, "\n") != 2 || !strings.Contains(rest, "\nold,") {
			sh.Errorf("stored: %s", rest)
		}
	})
}

func TestKeysGenerate(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		codes := strings.Fields(sh.ok("keys", "generate", "--count", "2000", "--order", "o-7"))
		seen := map[string]bool{}
		for _, c := range codes {
			code, err := keys.Parse(c)
			if err != nil || string(code) != c || !code.Generated() || seen[c] {
				sh.Fatalf("%q: %v", c, err)
			}
			seen[c] = true
		}
		if len(codes) != 2000 {
			sh.Fatalf("%d codes", len(codes))
		}
		typed := strings.ToLower(strings.ReplaceAll(codes[7], "-", ""))
		sh.golden(sh.ok("keys", "show", typed), `
code  `+codes[7]+`
status  active
used  no
revoked  no
order  o-7
purchased  TIME

It has not been used, and can be upgraded.

- The holder can upgrade it.

AT  EVENT  TASK  KIND  OUTCOME  PLAN  FROM  TO  NOTE
TIME  issued  -  -  -  -  -  -  by ACTOR
`)
		if n := strings.Count(sh.ok("keys", "export"), ",o-7,0,"); n != len(codes) {
			sh.Errorf("%d are stored", n)
		}
	})
}

func TestKeysSteer(t *testing.T) {
	onEveryDatabase(t, func(sh shell) {
		sh.feed(someKeys, "keys", "import", "-")
		for _, verb := range []string{"show", "revoke", "restore", "reset"} {
			sh.fails(exitFailed, "there is no such key: `keyseatd find` finds one by its order", "", "keys", verb, "nobody")
			sh.fails(exitFailed, "a code is 1 to 128 printable", "", "keys", verb, "")
		}
		for range 2 {
			sh.golden(sh.ok("keys", "revoke", " leg "), "the key is revoked\n")
		}
		if out := sh.ok("keys", "export"); !strings.Contains(out, `Leeds",,,active,,1`) {
			sh.Errorf("got %s", out)
		}
		for range 2 {
			sh.golden(sh.ok("keys", "restore", "leg"), "the key is no longer revoked\n")
		}
		if out := sh.ok("keys", "export"); !strings.Contains(out, `Leeds",,,active,,0`) {
			sh.Errorf("got %s", out)
		}
		sh.golden(sh.ok("keys", "revoke", "leg"), "the key is revoked\n")
		sh.golden(sh.ok("keys", "reset", "leg"), "the key is usable again\n")
		sh.golden(sh.ok("keys", "show", "leg"), `
code  leg
status  active
used  no
revoked  no

It was made usable again at TIME, and can be upgraded.

- The holder can upgrade it.

AT  EVENT  TASK  KIND  OUTCOME  PLAN  FROM  TO  NOTE
TIME  imported  -  -  -  -  -  -  by ACTOR
TIME  revoked  -  -  -  -  -  -  by ACTOR
TIME  revoked  -  -  -  -  -  -  by ACTOR
TIME  restored  -  -  -  -  -  -  by ACTOR
TIME  restored  -  -  -  -  -  -  by ACTOR
TIME  revoked  -  -  -  -  -  -  by ACTOR
TIME  reset  -  -  -  -  -  -  by ACTOR
`)
		sh.golden(sh.ok("keys", "show", "--output=json", "--", "-gone"), `{"code":"-gone","status":"active","used":false,"revoked":true,"message":"","order_id":"",`+
			`"purchase_date":null,"used_date":null,"invite":"","address":"","username":"","verify_address":"","task":null,"story":{"now":"It is revoked: to its holder it does not exist.","next":["`+
			"`keyseatd keys restore -- -gone` gives it back its earlier state.\",\"`keyseatd keys reset -- -gone` makes it usable, whatever its state."+
			`"]},"history":[{"at":"TIME","event":"imported","task":"","kind":"","outcome":"","plan":"","from":"","to":"","note":"by ACTOR"}]}`+"\n")
		sh.golden(sh.ok("keys", "show", "aaa"), `
code  aaa
status  success
used  yes
revoked  no
purchased  TIME
last used  TIME
username  ann
verify address  1 High Street London

It is in use, since TIME, as “ann”, at “1 High Street London”.

- The holder can renew it once the account has lost its place.

AT  EVENT  TASK  KIND  OUTCOME  PLAN  FROM  TO  NOTE
TIME  imported  -  -  -  -  -  -  by ACTOR
`)
	})
}

// TestManyKeys imports and exports more keys than fit into one page or one statement.
func TestManyKeys(t *testing.T) {
	const n = 20_000
	onEveryDatabase(t, func(sh shell) {
		path := sh.file("many.csv", keysCSV("code", n))
		start := time.Now()
		sh.golden(sh.ok("keys", "import", path), "imported: 20000 keys\n")
		imported := time.Since(start)
		out := sh.ok("keys", "export")
		sh.Logf("imported in %v, exported in %v", imported, time.Since(start)-imported)
		if strings.Count(out, "\n") != n+1 || !strings.Contains(out, "\ncode-019999,2026-11-22T19:37:00Z,order-19999,0,") {
			sh.Errorf("%d lines", strings.Count(out, "\n"))
		}
		sh.fails(exitFailed, "line 4002: the code exists already", keysCSV("more", 4000)+"code-000000,,\n", "keys", "import", "-")
		sh.fails(exitFailed, "line 4002: the code exists already", keysCSV("more", 4000)+"more-000000,,\n", "keys", "import", "-")
	})
}

// keysCSV returns a file of n keys.
func keysCSV(prefix string, n int) string {
	var file strings.Builder
	file.WriteString("code,order_id,purchase_date\n")
	for i := range n {
		fmt.Fprintf(&file, "%s-%06d,order-%d,2026-11-22T19:37:00Z\n", prefix, i, i)
	}
	return file.String()
}
