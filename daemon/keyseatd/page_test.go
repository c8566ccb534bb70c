package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPageFlags checks that wrong values for the page are refused before the database is opened, with the file,
// the line and what to do.
func TestPageFlags(t *testing.T) {
	sh := shell{T: t, dir: t.TempDir()}
	faulty, empty := filepath.Join(t.TempDir(), "faulty"), t.TempDir()
	if err := os.Mkdir(faulty, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(faulty, "brand.html"), []byte("{{define \"brand\"}}\n{{nosuch}}{{end}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code        int
		want        string
		flag, value string
	}{
		{exitUsage, `--page-color: "teal" is not a color: use the form #rrggbb, such as #0a6a5d`, "--page-color", "teal"},
		{exitUsage, "--brand must be UTF-8 with no control characters", "--brand", strings.Repeat("x", 70000)},
		{exitFailed, "--page-files: cannot open nowhere: no such file", "--page-files", "nowhere"},
		{exitFailed, "--page-files: no file that the page uses", "--page-files", empty},
		{exitFailed, "--page-files: brand.html:2: function \"nosuch\" not defined: correct the file", "--page-files", faulty},
	} {
		sh.fails(c.code, c.want, "", "serve", "--connector", "sim", c.flag, c.value)
	}
	sh.env = []string{"KEYSEAT_BRAND=Seat Shop", "KEYSEAT_PAGE_COLOR=#06c"}
	rows := sh.rows("config", "--connector", "sim")
	for _, want := range []string{"brand Seat Shop environment", "page-color #06c environment", "page-files  default"} {
		found := false
		for _, row := range rows {
			found = found || strings.Join([]string{row["name"].(string), row["value"].(string), row["source"].(string)}, " ") == want
		}
		if !found {
			t.Errorf("config does not show %q", want)
		}
	}
}

// TestPageFolder checks that the page shows the brand and the files of a folder, and the built-in texts for the rest.
func TestPageFolder(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "texts.de.html"), []byte(`{{define "lead-title"}}Moin{{end}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	page, err := pageFlags{PageFiles: folder, Brand: `Seat & "Shop"`, PageColor: "#0a6a5d"}.page(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?lang=de", nil))
	for _, want := range []string{"<h1>Moin</h1>", `<span class="brand">Seat &amp; &#34;Shop&#34;</span>`, "--accent: #0a6a5d", "Schlüssel prüfen"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}
