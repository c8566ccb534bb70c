package console

import (
	"fmt"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
)

// formatNumber groups digits by three for easier reading.
func formatNumber(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// formatTime formats a time in UTC, to the second. The script shows it in the zone of the browser.
func formatTime(m view.Time) template.HTML {
	if m.String() == "" {
		return "–"
	}
	t := time.Time(m).UTC()
	text := t.Format(time.DateOnly) + "\u00a0" + t.Format(time.TimeOnly)
	return template.HTML(`<time datetime="` + m.String() + `" title="` + text + ` UTC">` + text + `</time>`) //nolint:gosec // nothing but digits
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

// timePattern matches a time in an explanation.
var timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// formatProse formats a sentence of an explanation: the names of buttons, which are between backquotes, and the times.
func formatProse(sentence string) template.HTML {
	var b strings.Builder
	for i, text := range strings.Split(template.HTMLEscapeString(sentence), "`") {
		if i%2 == 1 {
			text = "<b>" + text + "</b>"
		}
		b.WriteString(text)
	}
	return template.HTML(timePattern.ReplaceAllStringFunc(b.String(), func(text string) string { //nolint:gosec // the sentence is escaped
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return text
		}
		return string(formatTime(view.Time(t)))
	}))
}

// cssClasses maps a status, outcome or state to a CSS class. The class adds a color to the word, which stays
// visible.
var cssClasses = map[string]string{
	"live": "good", "success": "good", "settled": "good", "success_renew": "good",
	"open": "busy", "in_queue": "busy", "pending": "busy", "held": "busy", "waiting": "busy", "running": "busy", "retrying": "busy",
	"suspect": "bad", "system_error": "bad", "unknown": "bad", "full": "bad", "expired": "bad", "invalid": "bad", "revoked": "bad", keyExists: "bad",
	"failed": "warn", "failed_upgrade": "warn", "none": "warn", "out_of_stock": "warn",
}

// cssClass returns the CSS class of a word, or "". For example, invalid_credentials has no class, because the
// shop is not at fault.
func cssClass(word any) string { return cssClasses[fmt.Sprint(word)] }
