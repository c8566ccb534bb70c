package daemon

import (
	"context"
	"net/http"
	"strings"
)

// An HTTPStatus says which HTTP statuses an [API] answers with.
type HTTPStatus string

const (
	// RealStatus gives every answer its own HTTP status. It is the default.
	RealStatus HTTPStatus = "real"

	// DocumentedStatus gives every answer at /API and below /API/ the HTTP status 200, because
	// clients of the documented API expect no other status. The body and the other headers stay the
	// same.
	DocumentedStatus HTTPStatus = "documented"
)

type realStatusKey struct{}

// WithRealStatus makes an [API] answer a request of that context with [RealStatus], whatever the API is
// set to. It is for a handler that calls the API in the same process and reads the status.
func WithRealStatus(ctx context.Context) context.Context {
	return context.WithValue(ctx, realStatusKey{}, true)
}

// sent returns the HTTP status to send for an answer with the given code.
func (s HTTPStatus) sent(r *http.Request, code int) int {
	if s != DocumentedStatus || r.URL.Path != "/API" && !strings.HasPrefix(r.URL.Path, "/API/") || r.Context().Value(realStatusKey{}) != nil {
		return code
	}
	return http.StatusOK
}
