package client

import (
	"encoding/json"
	"fmt"
)

// A Code identifies an error of the admin API. It is itself an error, for use with [errors.Is]. A daemon
// that is newer than this package may send other codes.
type Code string

// The codes of this version of the API.
const (
	BodyMalformed         Code = "body_malformed"
	QueryInvalid          Code = "query_invalid"
	IdempotencyKeyMissing Code = "idempotency_key_missing"
	Unauthorized          Code = "unauthorized"
	Forbidden             Code = "forbidden" // the token may read only
	NotFound              Code = "not_found" // the path does not exist
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
	IdempotencyKeyReused  Code = "idempotency_key_reused" // the key was used for an order with another count or id
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

// problemErr returns the error for a response of the admin API whose status is not 2xx. If the body is not a
// problem, the response comes from another server, such as a proxy. Then problemErr returns
// the error of statusErr.
func problemErr(r response) error {
	p := Problem{retryLater: r.retryLater()}
	if json.Unmarshal(r.body, &p) != nil || p.Code == "" || p.Status != r.status {
		return statusErr(r)
	}
	return &p
}
