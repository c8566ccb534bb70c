package console

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
)

// templateFuncs are the functions of the templates.
var templateFuncs = template.FuncMap{
	"asset":    assetURL,
	"country":  daemon.CountryName,
	"number":   formatNumber,
	"time":     formatTime,
	"duration": formatDuration,
	"keyURL":   keyURL,
	"taskURL":  taskURL,
	"commands": splitCommands,
	"class":    cssClass,
	"spaced":   func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
}

func keyURL(code keys.Code) string { return "/console/key?code=" + url.QueryEscape(string(code)) }
func taskURL(id string) string     { return "/console/task?id=" + url.QueryEscape(id) }

// formatNumber groups digits by three for easier reading.
func formatNumber(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// formatTime formats a time in UTC, to the second.
func formatTime(m view.Time) template.HTML {
	if m.String() == "" {
		return "–"
	}
	t := time.Time(m).UTC()
	text := t.Format(time.DateOnly) + "\u00a0" + t.Format(time.TimeOnly)
	return template.HTML(`<time datetime="` + m.String() + `">` + text + `</time>`) //nolint:gosec // nothing but digits
}

// formatDuration formats a duration with a unit that fits its size.
func formatDuration(d time.Duration) string {
	switch {
	case d <= 0:
		return "0\u00a0s"
	case d < time.Second:
		return fmt.Sprintf("%d\u00a0ms", max(d.Milliseconds(), 1))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f\u00a0s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f\u00a0s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f\u00a0min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f\u00a0h", d.Hours())
	}
	return fmt.Sprintf("%.0f\u00a0days", d.Hours()/24)
}

// A textPart is a piece of a text. It is either a command or prose.
type textPart struct {
	Text    string
	Command bool
}

// splitCommands splits a sentence of an explanation at backquotes. The text between backquotes is a command.
func splitCommands(sentence string) (all []textPart) {
	for i, text := range strings.Split(sentence, "`") {
		if text != "" {
			all = append(all, textPart{text, i%2 == 1})
		}
	}
	return all
}

// cssClasses maps a status, outcome or state to a CSS class. The class adds a color to the word, which stays
// visible.
var cssClasses = map[string]string{
	"live": "good", "success": "good", "settled": "good", "success_renew": "good",
	"open": "busy", "in_queue": "busy", "pending": "busy", "held": "busy",
	"suspect": "bad", "system_error": "bad", "unknown": "bad", "full": "bad", "expired": "bad", "invalid": "bad", "revoked": "bad",
	"failed": "warn", "failed_upgrade": "warn", "none": "warn", "out_of_stock": "warn",
}

// cssClass returns the CSS class of a word, or "". For example, invalid_credentials has no class, because the
// shop is not at fault.
func cssClass(word any) string { return cssClasses[fmt.Sprint(word)] }
