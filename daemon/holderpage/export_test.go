package holderpage

// AccentStyle returns the style that sets the accent color.
func AccentStyle(hex string) (string, error) {
	c, err := parseColor(hex)
	return c.style(), err
}
