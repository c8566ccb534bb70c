package holderpage

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A color has the parts red, green and blue, each from 0 to 1.
type color [3]float64

// The backgrounds on which the style sheet puts text in the accent color.
var (
	white            = color{1, 1, 1}
	black            = color{}
	lightBackgrounds = []color{white, rgb(0xf6, 0xf6, 0xf3)}
	darkCard         = rgb(0x19, 0x1b, 0x22)
	darkBackgrounds  = []color{darkCard, rgb(0x10, 0x11, 0x16)}
)

// minContrast is the minimum contrast of text by WCAG 2.2, level AA.
const minContrast = 4.5

// Accent returns the shades of a color that the page uses for buttons and links, in its light and in its dark style. A
// shade is the color itself if the color has enough contrast, as text and as a background of text. Enough is a contrast
// of at least 4.5:1. Otherwise it is the nearest darker or lighter shade with that contrast. The color has the form
// #rrggbb or #rgb.
func Accent(hex string) (light, dark string, err error) {
	c, err := parseColor(hex)
	if err != nil {
		return "", "", err
	}
	l, d := c.lightShade(), c.darkShade()
	return l.String(), d.String(), nil
}

// style returns the CSS rules that set the accent color.
func (c color) style() string {
	const rule = ":root { --accent: %s; --accent-deep: %s; --on-accent: %s; --tint: %s; }"
	l, d := c.lightShade(), c.darkShade()
	return "\n" + fmt.Sprintf(rule, l, l.mix(black, .2), white, lightTint(l)) +
		"\n@media (prefers-color-scheme: dark) { " + fmt.Sprintf(rule, d, d.mix(white, .25), onDark(d), darkTint(d)) + " }\n"
}

// lightShade returns the color, or the next darker shade with enough contrast on every light background.
func (c color) lightShade() color {
	return c.until(black, func(c color) bool { return c.readable(append(lightBackgrounds, lightTint(c))) })
}

// darkShade returns the color, or the next lighter shade with enough contrast on every dark background.
func (c color) darkShade() color {
	return c.until(white, func(c color) bool {
		return c.readable(append(darkBackgrounds, darkTint(c), onDark(c))) && onDark(c).readable([]color{c.mix(white, .25)})
	})
}

func lightTint(c color) color { return c.mix(white, .91) }
func darkTint(c color) color  { return c.mix(darkCard, .84) }
func onDark(c color) color    { return c.mix(black, .84) }

// until mixes the color with the color toward, in small steps, and returns the first mixture that is good.
func (c color) until(toward color, good func(color) bool) color {
	const steps = 100
	for i := range steps {
		if mixed := c.mix(toward, float64(i)/steps); good(mixed) {
			return mixed
		}
	}
	return toward
}

// readable reports whether text in this color has enough contrast on each of the backgrounds.
func (c color) readable(backgrounds []color) bool {
	for _, background := range backgrounds {
		x, y := c.luminance(), background.luminance()
		if (max(x, y)+.05)/(min(x, y)+.05) < minContrast+.05 { // String rounds the color, which can reduce the contrast by .05
			return false
		}
	}
	return true
}

// luminance returns the relative luminance as WCAG defines it.
func (c color) luminance() float64 {
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		v := c[i]
		if v <= .04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

func (c color) mix(other color, part float64) (mixed color) {
	for i := range c {
		mixed[i] = c[i]*(1-part) + other[i]*part
	}
	return mixed
}

func rgb(r, g, b uint8) color { return color{float64(r) / 255, float64(g) / 255, float64(b) / 255} }

// String returns the color in the form #rrggbb.
func (c color) String() string {
	return fmt.Sprintf("#%02x%02x%02x", byteOf(c[0]), byteOf(c[1]), byteOf(c[2]))
}

func byteOf(part float64) uint8 { return uint8(math.Round(part * 255)) }

// parseColor parses a color of the form #rrggbb or #rgb.
func parseColor(hex string) (color, error) {
	digits, hash := strings.CutPrefix(hex, "#")
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || !hash || len(digits) != 6 {
		return color{}, fmt.Errorf("%q is not a color: use the form #rrggbb, such as #0a6a5d", hex)
	}
	return rgb(uint8(n>>16), uint8(n>>8), uint8(n)), nil //nolint:gosec // each part has 8 bits
}
