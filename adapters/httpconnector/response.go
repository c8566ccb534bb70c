package httpconnector

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/keyseat/keyseat/internal/httpclient"

	"github.com/keyseat/keyseat/tasks"
)

// retryableStatuses lists the statuses that mean that the service did nothing, and that a later attempt may succeed.
var retryableStatuses = []int{
	http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
	http.StatusRequestTimeout, http.StatusTooManyRequests,
}

// interpret returns the result that a response means. It reads the body of every response, so that the connection
// can be used again.
func interpret(ctx context.Context, r *http.Response) tasks.ConnectorResult {
	body, err := readBody(r.Body)
	result := tasks.ConnectorResult{Effect: effectOf(r.StatusCode), Note: "status " + strconv.Itoa(r.StatusCode)}
	if r.StatusCode == http.StatusOK {
		result = parseResult(ctx, body, err)
	}
	if result.Effect != tasks.Settled {
		result.RetryAfter = httpclient.RetryAfter(r.Header)
	}
	return result
}

// maxResponse is the maximum size of a response body, in bytes.
const maxResponse = 64 << 10

// readBody reads a response body. It returns errTooLong if the body is longer than [maxResponse].
func readBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxResponse+1))
	if err == nil && len(body) > maxResponse {
		err = errTooLong
	}
	return body, err
}

// effectOf returns the effect that a status other than 200 means.
func effectOf(status int) tasks.Effect {
	switch {
	case status == http.StatusAccepted:
		return tasks.Pending
	case slices.Contains(retryableStatuses, status):
		return tasks.None
	case status/100 == 4:
		return tasks.Refused
	}
	return tasks.Unknown
}

// parseResult returns the result in the body of a response with status 200. err is the error of reading the body.
// If the body cannot be read, the effect is [tasks.Unknown].
func parseResult(ctx context.Context, body []byte, err error) tasks.ConnectorResult {
	var result struct {
		Outcome       tasks.Outcome `json:"outcome"`
		Username      string        `json:"username"`
		VerifyAddress string        `json:"verify_address"`
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // some services write a byte order mark
	if err == nil {
		if err = json.Unmarshal(body, &result); err != nil {
			err = unreadableReason(body, err)
		} else if result.Outcome == "" {
			err = errNoOutcome
		}
	}
	if err != nil {
		return tasks.ConnectorResult{Effect: tasks.Unknown, Note: describeError(ctx, err)}
	}
	return tasks.ConnectorResult{
		Effect: tasks.Settled, Outcome: result.Outcome,
		Username: result.Username, VerifyAddress: result.VerifyAddress,
	}
}
