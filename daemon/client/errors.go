package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/tasks"
)

// The errors that the client itself detects: no response of a daemon reports them.
var (
	// ErrNoResponse says that the client got no response, or not in time.
	ErrNoResponse = errors.New("client: no response")

	// ErrInvalidResponse says that the response is too long, or is not a response of a daemon. Perhaps the server at
	// the base URL is not a daemon.
	ErrInvalidResponse = errors.New("client: the response is invalid")

	// ErrUnknown says that a request that changes data may have been carried out, or may be carried out soon. An error
	// that wraps ErrUnknown also wraps the reason. The comments on [Client.Upgrade] and [Admin] say what to do.
	ErrUnknown = errors.New("client: unknown whether the request was carried out")
)

var errRequest = errors.New("client: the request cannot be encoded")

// A RetryLaterError is a response that asks the client to retry later.
type RetryLaterError struct {
	Status     int           // 429: too many requests; 503: the database is unavailable, or the daemon is stopping
	RetryAfter time.Duration // the time to wait; 0: the response does not say
}

// Error returns the status and the time to wait.
func (l *RetryLaterError) Error() string {
	return fmt.Sprintf("client: status %d, retry after %s", l.Status, l.RetryAfter)
}

// A StatusError is an undocumented response. Documented responses become [RetryLaterError], [Problem] or
// [RefusedError].
type StatusError struct {
	Code    int
	Message string // the daemon's message for people, or "". The text of the error does not contain it.
}

// Error returns the status.
func (s *StatusError) Error() string { return "client: status " + strconv.Itoa(s.Code) }

// A RefusedError says that the API refused a call of a [Client]. It wraps the [tasks.Refusal] if this package knows the
// sentence of the response.
type RefusedError struct {
	Refusal tasks.Refusal // "" if this package does not know the sentence
	Message string        // the sentence of the response, for people
}

// Error returns the sentence of the refusal if this package knows it, and a fixed text otherwise.
func (r *RefusedError) Error() string {
	if r.Refusal == "" {
		return "client: the request was refused with an unknown message"
	}
	return r.Refusal.Error()
}

// Unwrap returns the refusal, or nil if it is not known.
func (r *RefusedError) Unwrap() error {
	if r.Refusal == "" {
		return nil
	}
	return r.Refusal
}

// noResponse returns [ErrNoResponse] with the reason. noResponse does not copy the text of err, because an error of
// net/http may quote the URL or received data.
func noResponse(ctx context.Context, err error) error {
	errno, isErrno := errors.AsType[syscall.Errno](err)
	fault := httpclient.ServerFault(err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrNoResponse, ctx.Err())
	case fault != "":
		return fmt.Errorf("%w: the %s", ErrNoResponse, fault)
	case isErrno:
		return fmt.Errorf("%w: %w", ErrNoResponse, errno)
	case httpclient.IsTimeout(err):
		return fmt.Errorf("%w: not in time", ErrNoResponse)
	}
	return fmt.Errorf("%w: the connection failed", ErrNoResponse)
}

// The values of the field "status" in a response, in addition to those of [keys.Status].
const (
	statusNotExist = "not_exist"
	statusError    = "error"
	statusSuccess  = "success"
)

// refusals lists the refusals that a response reports with statusError. The message of the response identifies the
// refusal.
var refusals = []tasks.Refusal{
	tasks.PasswordMissing, tasks.PasswordWeak, tasks.LoginMissing, tasks.CountryInvalid, tasks.EmailInvalid,
	tasks.KeyGone, tasks.UpgradeOpen, tasks.RenewOpen, tasks.KeyUsed, tasks.KeyUnused, tasks.KeyLegacy,
}

// A statusBody is the body of every response except those to the calls info and stock.
type statusBody struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func parseStatus(body []byte) error {
	var b statusBody
	if json.Unmarshal(body, &b) != nil {
		return ErrInvalidResponse
	}
	switch b.Status {
	case statusSuccess:
		return nil
	case statusNotExist:
		return &RefusedError{tasks.UnknownKey, b.Message}
	case statusError:
		return b.refusal()
	}
	return ErrInvalidResponse
}

func (b statusBody) refusal() error {
	for _, r := range refusals {
		if r.Error() == b.Message {
			return &RefusedError{r, b.Message}
		}
	}
	return &RefusedError{"", b.Message}
}

type response struct {
	status int
	header http.Header
	body   []byte // the whole body
}

// statusErr returns the error for a response whose status is not 2xx.
func statusErr(r response) error {
	if err := r.retryLater(); err != nil {
		return err
	}
	var b statusBody
	_ = json.Unmarshal(r.body, &b) // if the body is not a statusBody, the message is empty
	return &StatusError{r.status, b.Message}
}

// retryLater returns the error for a response that asks the client to retry later, or nil for any other response.
func (r response) retryLater() *RetryLaterError {
	if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
		return &RetryLaterError{r.status, httpclient.RetryAfter(r.header)}
	}
	return nil
}

// A Code identifies an error of the admin API. It is itself an error, for use with [errors.Is]. A daemon
// that is newer than this package may send other codes.
type Code string

// The codes of this version of the API.
const (
	BodyMalformed         Code = "body_malformed"
	QueryInvalid          Code = "query_invalid"
	IdempotencyKeyMissing Code = "idempotency_key_missing"
	Unauthorized          Code = "unauthorized"
	TooManyRequests       Code = "too_many_requests" // the client's address has sent too many unknown tokens
	Forbidden             Code = "forbidden"         // the role of the token does not allow the call
	NotFound              Code = "not_found"         // the path does not exist
	KeyNotFound           Code = "key_not_found"
	TaskNotFound          Code = "task_not_found"
	PlanNotFound          Code = "plan_not_found"
	MethodNotAllowed      Code = "method_not_allowed"
	TaskOpen              Code = "task_open"
	TaskEnded             Code = "task_ended"
	TaskLeased            Code = "task_at_work" // a worker is working on the task
	NotSuspect            Code = "not_suspect"
	NotSpent              Code = "not_spent"
	PlanInUse             Code = "plan_in_use" // the slots of the plan do not allow the edit
	Conflict              Code = "conflict"    // a simultaneous change was faster: repeat the request
	TooLarge              Code = "too_large"
	MediaType             Code = "unsupported_media_type"
	FieldInvalid          Code = "field_invalid"
	OutcomeInvalid        Code = "outcome_invalid"        // the kind of the task does not have this outcome
	IdempotencyKeyReused  Code = "idempotency_key_reused" // an order with another count or id had this idempotency key
	Unavailable           Code = "unavailable"
)

// Error returns the code.
func (c Code) Error() string { return string(c) }

// A Problem is an error response of the admin API (RFC 9457). It wraps its [Code], for [errors.Is]. If the
// API asks the client to retry later, it also wraps a [*RetryLaterError], for [errors.As].
type Problem struct {
	Type   string `json:"type"` // urn:keyseat:problem: followed by the code
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"` // for people
	Code   Code   `json:"code"`

	retryLater *RetryLaterError
}

// Error returns the status, the code and the detail.
func (p *Problem) Error() string {
	return fmt.Sprintf("client: status %d, %s: %s", p.Status, p.Code, p.Detail)
}

// Unwrap returns the code, and the [*RetryLaterError] if there is one.
func (p *Problem) Unwrap() []error {
	if p.retryLater == nil {
		return []error{p.Code}
	}
	return []error{p.Code, p.retryLater}
}

// problemErr returns the error for a response of the admin API whose status is not 2xx. If the body is not a problem,
// the response comes from another server, such as a proxy. Then problemErr returns the error of statusErr.
func problemErr(r response) error {
	p := Problem{retryLater: r.retryLater()}
	if json.Unmarshal(r.body, &p) != nil || p.Code == "" || p.Status != r.status {
		return statusErr(r)
	}
	return &p
}
