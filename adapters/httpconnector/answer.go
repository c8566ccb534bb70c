package httpconnector

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/keyseat/keyseat/tasks"
)

// Why a 200 cannot be read.
var (
	errTooLong   = errors.New("status 200, the answer is too long")
	errNoJSON    = errors.New("status 200, the answer is not the JSON that it should be")
	errNoOutcome = errors.New("status 200, the answer has no outcome")
)

// undone are the statuses that say that nothing was done, and that it may be otherwise later.
var undone = []int{
	http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
	http.StatusRequestTimeout, http.StatusTooManyRequests,
}

// judge says what an answer means. It reads its body whatever it is, so that the connection can be
// used again.
func judge(ctx context.Context, r *http.Response) tasks.Answer {
	body, err := slurp(r.Body)
	a := tasks.Answer{Effect: effect(r.StatusCode), Note: "status " + strconv.Itoa(r.StatusCode)}
	if r.StatusCode == http.StatusOK {
		a = settled(ctx, body, err)
	}
	if a.Effect != tasks.Settled {
		a.After = retryAfter(r.Header)
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

// settled reads the body of a 200, and what of it cannot be read is unknown.
func settled(ctx context.Context, body []byte, err error) tasks.Answer {
	var told struct {
		Outcome       tasks.Outcome `json:"outcome"`
		Username      string        `json:"username"`
		VerifyAddress string        `json:"verify_address"`
	}
	switch {
	case err != nil:
	case json.Unmarshal(body, &told) != nil:
		err = errNoJSON
	case told.Outcome == "":
		err = errNoOutcome
	}
	if err != nil {
		return tasks.Answer{Effect: tasks.Unknown, Note: words(ctx, err)}
	}
	return tasks.Answer{
		Effect: tasks.Settled, Outcome: told.Outcome,
		Username: told.Username, VerifyAddress: told.VerifyAddress,
	}
}
