package client

import (
	"encoding/json"
	"fmt"
)

// A Code says what the admin API finds wrong. It is an error for [errors.Is] to look for. A daemon
// that is newer than this package may send one that is not listed here.
type Code string

// The codes.
const (
	BodyMalformed  Code = "body_malformed"
	QueryInvalid   Code = "query_invalid"
	KeyMissing     Code = "idempotency_key_missing"
	Unauthorized   Code = "unauthorized"
	Forbidden      Code = "forbidden" // the token may read only
	NotFound       Code = "not_found" // there is no such path
	KeyNotFound    Code = "key_not_found"
	TaskNotFound   Code = "task_not_found"
	PlanNotFound   Code = "plan_not_found"
	NotAllowed     Code = "method_not_allowed"
	TaskOpen       Code = "task_open"
	TaskEnded      Code = "task_ended"
	TaskLeased     Code = "task_at_work" // being asked about right now
	NotSuspect     Code = "not_suspect"
	NotSpent       Code = "not_spent"
	PlanInUse      Code = "plan_in_use" // its slots do not allow the edit
	Contended      Code = "conflict"    // others were faster: repeat it
	TooLarge       Code = "too_large"
	MediaType      Code = "unsupported_media_type"
	FieldInvalid   Code = "field_invalid"
	OutcomeInvalid Code = "outcome_invalid"        // none of the task's kind
	KeyReused      Code = "idempotency_key_reused" // by an order with another count or id
	Unavailable    Code = "unavailable"
)

// Error is the code.
func (c Code) Error() string { return string(c) }

// A Problem is what the admin API says is wrong (RFC 9457). With [errors.Is] it is its code, and with
// [errors.As] it is a [*RetryLaterError] if it asks to come back.
type Problem struct {
	Type   string `json:"type"` // urn:keyseat:problem: and the code
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"` // for people
	Code   Code   `json:"code"`

	later *RetryLaterError
}

// Error tells the status, the code and the detail.
func (p *Problem) Error() string {
	return fmt.Sprintf("client: status %d, %s: %s", p.Status, p.Code, p.Detail)
}

// Unwrap gives the code, and when to come back.
func (p *Problem) Unwrap() []error {
	if p.later == nil {
		return []error{p.Code}
	}
	return []error{p.Code, p.later}
}

// problem says what an answer of the admin API means whose status is not 2xx. One that is no problem
// is not of a daemon's making, but perhaps of a proxy's.
func problem(r reply) error {
	p := Problem{later: r.later()}
	if json.Unmarshal(r.body, &p) != nil || p.Code == "" || p.Status != r.status {
		return status(r)
	}
	return &p
}
