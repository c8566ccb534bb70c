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

	"github.com/keyseat/keyseat/tasks"
)

// unreadable is why a 200 cannot be read. It quotes nothing of the answer, which may hold a secret.
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

// undone are the statuses that say that nothing was done, and that it may be otherwise later.
var undone = []int{
	http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
	http.StatusRequestTimeout, http.StatusTooManyRequests,
}

// judge says what an answer means. It reads its body whatever it is, so that the connection can be
// used again.
func judge(ctx context.Context, r *http.Response) tasks.ConnectorResult {
	body, err := slurp(r.Body)
	a := tasks.ConnectorResult{Effect: effect(r.StatusCode), Note: "status " + strconv.Itoa(r.StatusCode)}
	if r.StatusCode == http.StatusOK {
		a = settled(ctx, body, err)
	}
	if a.Effect != tasks.Settled {
		a.RetryAfter = retryAfter(r.Header)
	}
	return a
}

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// slurp reads an answer whole, or fails.
func slurp(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errTooLong
	}
	return body, err
}

// effect is that of any status but 200.
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

// unreadableBecause says what is wrong with a body that does not decode.
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

// settled reads the body of a 200, and what of it cannot be read is unknown.
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
