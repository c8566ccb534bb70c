package holderpage_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
)

// pairs lists the colors that meet on the page, and their minimum contrast by WCAG 2.2, level AA. It is 4.5
// for text and 3 for the edge of a field.
var pairs = map[string]float64{
	"ink ground": 4.5, "soft ground": 4.5, "ink card": 4.5, "soft card": 4.5, "ink field": 4.5, "accent card": 4.5,
	"accent ground": 4.5, "on-accent accent": 4.5, "on-accent accent-deep": 4.5, "accent tint": 4.5, "ink tint": 4.5,
	"good good-tint": 4.5, "bad bad-tint": 4.5, "busy busy-tint": 4.5, "busy card": 4.5,
	"ink good-tint": 4.5, "ink bad-tint": 4.5, "ink busy-tint": 4.5, "edge card": 3, "edge field": 3, "bad card": 4.5,
}

// TestContrast checks the contrast of all pairs, in the light and in the dark style.
func TestContrast(t *testing.T) {
	light, dark := styles(t)
	checkContrast(t, "light", light)
	checkContrast(t, "dark", dark)
}

// styles returns the colors of the light and of the dark style.
func styles(t *testing.T) (light, dark string) {
	t.Helper()
	style, err := os.ReadFile("files/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, found := strings.Cut(string(style), "prefers-color-scheme: dark")
	if !found {
		t.Fatal("the style has no dark colors")
	}
	dark, _, _ = strings.Cut(dark, "\n}\n")
	return light, dark
}

// checkContrast checks the contrast of all pairs in a style, in which a later color replaces an earlier one.
func checkContrast(t *testing.T, name, css string) {
	t.Helper()
	colors := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		colors[m[1]] = m[2]
	}
	for pair, want := range pairs {
		text, ground, _ := strings.Cut(pair, " ")
		if got := contrast(colors[text], colors[ground]); got < want {
			t.Errorf("%s: the contrast of %s is %.2f, not %.1f", name, pair, got, want)
		}
	}
}

// contrast returns the contrast of two colors, from 1 to 21.
func contrast(x, y string) float64 {
	a, b := luminance(x), luminance(y)
	return (max(a, b) + .05) / (min(a, b) + .05)
}

func luminance(color string) float64 {
	var c [3]uint8
	_, _ = fmt.Sscanf(color, "%02x%02x%02x", &c[0], &c[1], &c[2]) // an invalid color counts as black
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		v := float64(c[i]) / 255
		if v <= .04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

// TestContrastFunction checks the function contrast: its smallest and largest value, and a color
// that is just too faint.
func TestContrastFunction(t *testing.T) {
	if got := contrast("ffffff", "000000"); got != 21 {
		t.Errorf("white on black: %f", got)
	}
	if got := contrast("777777", "ffffff"); got >= 4.5 || got < 4.4 {
		t.Errorf("grey on white: %f", got)
	}
	if contrast("", "") >= 3 {
		t.Error("a color that is missing passes")
	}
}
