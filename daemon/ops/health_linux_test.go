package ops_test

import (
	"strings"
	"testing"
)

// TestHealthChecks holds that the image and the compose file check the daemon by its own command.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"Dockerfile":              `CMD ["/usr/local/bin/keyseatd", "check"]`,
		"daemon/ops/compose.yaml": `test: ["CMD", "/usr/local/bin/keyseatd", "check"]`,
	} {
		if !strings.Contains(read(t, file), want) {
			t.Errorf("%s has no %s", file, want)
		}
	}
}
