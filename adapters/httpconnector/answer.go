package httpconnector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/keyseat/keyseat/internal/httputil"
	"github.com/keyseat/keyseat/tasks"
)

// unreadable is the reason why a response with status 200 cannot be read. It quotes nothing of the response,
// which may hold a secret.
type unreadable string

func (u unreadable) Error() string { return "status 200, the answer " + string(u) }

const (
	errTooLong   unreadable = "is longer than 64 KiB"
	errEmpty     unreadable = "is empty"
	errMarkup    unreadable = "is not JSON: it begins with <, as a page or a PHP notice does"
	errNoJSON    unreadable = "is not JSON"
	errCut       unreadable = "is JSON that ends too early"
	errAfter     unreadable = "is JSON with something after it"
	errNoObject  unreadable = "is JSON, but not an object"
	errType      unreadable = "has a field that is not text"
	errNoOutcome unreadable = "has no outcome"
)

// undone lists the statuses that mean that the service did nothing, and that a later attempt may succeed.
var undone = []int{
	http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
	http.StatusRequestTimeout, http.StatusTooManyRequests,
}

// judge returns the result that a response means. It reads the body of every response, so that the connection
// can be used again.
func judge(ctx context.Context, r *http.Response) tasks.ConnectorResult {
	body, err := slurp(r.Body)
	a := tasks.ConnectorResult{Effect: effect(r.StatusCode), Note: "status " + strconv.Itoa(r.StatusCode)}
	if r.StatusCode == http.StatusOK {
		a = settled(ctx, body, err)
	}
	if a.Effect != tasks.Settled {
		a.RetryAfter = httputil.RetryAfter(r.Header)
	}
	return a
}

// maxAnswer is the maximum size of a response body, in bytes.
const maxAnswer = 64 << 10

// slurp reads a response body. It returns errTooLong if the body is longer than [maxAnswer].
func slurp(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errTooLong
	}
	return body, err
}

// effect returns the effect that a status other than 200 means.
func effect(status int) tasks.Effect {
	switch {
	case status == http.StatusAccepted:
		return tasks.Pending
	case slices.Contains(undone, status):
		return tasks.None
	case status/100 == 4:
		return tasks.Refused
	}
	return tasks.Unknown
}

// unreadableBecause returns the reason why a body does not decode.
func unreadableBecause(body []byte, err error) error {
	var kind *json.UnmarshalTypeError
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return errEmpty
	case body[0] == '<':
		return errMarkup
	case errors.As(err, &kind) && kind.Field == "":
		return errNoObject
	case errors.As(err, &kind):
		return errType
	case json.NewDecoder(bytes.NewReader(body)).Decode(new(json.RawMessage)) == nil:
		return errAfter
	case strings.HasPrefix(err.Error(), "unexpected end"):
		return errCut
	}
	return errNoJSON
}

// settled returns the result in the body of a response with status 200. err is the error of reading the body.
// If the body cannot be read, the effect is [tasks.Unknown].
func settled(ctx context.Context, body []byte, err error) tasks.ConnectorResult {
	var told struct {
		Outcome       tasks.Outcome `json:"outcome"`
		Username      string        `json:"username"`
		VerifyAddress string        `json:"verify_address"`
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // some services write a byte order mark
	if err == nil {
		if err = json.Unmarshal(body, &told); err != nil {
			err = unreadableBecause(body, err)
		} else if told.Outcome == "" {
			err = errNoOutcome
		}
	}
	if err != nil {
		return tasks.ConnectorResult{Effect: tasks.Unknown, Note: words(ctx, err)}
	}
	return tasks.ConnectorResult{
		Effect: tasks.Settled, Outcome: told.Outcome,
		Username: told.Username, VerifyAddress: told.VerifyAddress,
	}
}
