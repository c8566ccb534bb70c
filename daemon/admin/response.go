package admin

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/keyseat/keyseat/internal/jsoncodec"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

type response struct {
	status int
	header map[string]string // in addition to the headers of every response
	body   any               // nil: no body
}

// okResponse returns a response with status 200, or the error if there is one.
func okResponse(body any, err error) (response, error) {
	if err != nil {
		return response{}, err
	}
	return response{status: http.StatusOK, body: body}, nil
}

// errorHeaders has the additional headers of an error response, by its status. WWW-Authenticate requests a token
// (RFC 6750).
var errorHeaders = map[int]map[string]string{
	http.StatusUnauthorized:       {"WWW-Authenticate": `Bearer realm="keyseat"`},
	http.StatusForbidden:          {"WWW-Authenticate": `Bearer realm="keyseat", error="insufficient_scope"`},
	http.StatusTooManyRequests:    {"Retry-After": "60"}, // the limit on unknown tokens is per minute
	http.StatusServiceUnavailable: {"Retry-After": "2"},
}

func (e apiError) response() response {
	p := e.problem()
	return response{status: p.Status, body: p, header: errorHeaders[p.Status]}
}

func methodNotAllowed(methods []string) response {
	allow := strings.Join(methods, ", ")
	r := apiError{NotAllowed, "use " + allow}.response()
	r.header = map[string]string{"Allow": allow}
	return r
}

// write sends the response as one line of JSON, without HTML escapes such as those for &.
func (r response) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	for name, value := range r.header {
		h.Set(name, value)
	}
	if r.body == nil {
		w.WriteHeader(r.status)
		return
	}
	h.Set("Content-Type", "application/json")
	if _, isProblem := r.body.(problem); isProblem {
		h.Set("Content-Type", "application/problem+json")
	}
	line, _ := jsoncodec.Marshal(r.body) // all bodies of this package can be encoded
	line = append(line, '\n')
	h.Set("Content-Length", strconv.Itoa(len(line)))
	w.WriteHeader(r.status)
	_, _ = w.Write(line) // an error means that the client has disconnected
}

// A Code identifies a kind of error for programs: the member "code" of a problem. The meaning of a code never changes.
type Code string

// The codes.
const (
	BodyMalformed  Code = "body_malformed" // not one JSON object, or incomplete
	QueryInvalid   Code = "query_invalid"
	KeyMissing     Code = "idempotency_key_missing" // missing, or not 1 to 255 bytes long
	Unauthorized   Code = "unauthorized"            // no token, or an unknown token
	TooMany        Code = "too_many_requests"       // too many unknown tokens from one address
	Forbidden      Code = "forbidden"               // the role of the token does not allow the operation
	NotFound       Code = "not_found"               // no such path
	KeyNotFound    Code = "key_not_found"
	TaskNotFound   Code = "task_not_found"
	PlanNotFound   Code = "plan_not_found"
	NotAllowed     Code = "method_not_allowed"
	TaskOpen       Code = "task_open" // the open task must end first
	TaskEnded      Code = "task_ended"
	TaskLeased     Code = "task_at_work" // a daemon is working on the task now
	NotSuspect     Code = "not_suspect"
	NotSpent       Code = "not_spent"
	PlanInUse      Code = "plan_in_use" // the slots of the plan do not allow the edit
	Contended      Code = "conflict"    // another change came first: repeat the request
	TooLarge       Code = "too_large"
	MediaType      Code = "unsupported_media_type"
	FieldInvalid   Code = "field_invalid"          // the detail names the field
	OutcomeInvalid Code = "outcome_invalid"        // the outcome does not fit the kind of the task
	KeyReused      Code = "idempotency_key_reused" // an order with another count or order_id had this Idempotency-Key
	Unavailable    Code = "unavailable"            // the database is unavailable: repeat the request after Retry-After
)

// A problemType is the part that all problems with the same code share.
type problemType struct {
	code   Code
	status int
	title  string
}

var problemTypes = []problemType{
	{BodyMalformed, http.StatusBadRequest, "The body cannot be read"},
	{QueryInvalid, http.StatusBadRequest, "The query is not valid"},
	{KeyMissing, http.StatusBadRequest, "The Idempotency-Key is missing or not valid"},
	{Unauthorized, http.StatusUnauthorized, "A token is needed"},
	{TooMany, http.StatusTooManyRequests, "Too many unknown tokens"},
	{Forbidden, http.StatusForbidden, "The token may not do this"},
	{NotFound, http.StatusNotFound, "There is nothing here"},
	{KeyNotFound, http.StatusNotFound, "There is no such key"},
	{TaskNotFound, http.StatusNotFound, "There is no such task"},
	{PlanNotFound, http.StatusNotFound, "There is no such plan"},
	{NotAllowed, http.StatusMethodNotAllowed, "The method is not allowed"},
	{TaskOpen, http.StatusConflict, "The key has an open task"},
	{TaskEnded, http.StatusConflict, "The task has ended"},
	{TaskLeased, http.StatusConflict, "The provider is carrying the task out"},
	{NotSuspect, http.StatusConflict, "The task has no suspect slot"},
	{NotSpent, http.StatusConflict, "The task has spent no slot"},
	{PlanInUse, http.StatusConflict, "The plan's slots do not allow this"},
	{Contended, http.StatusConflict, "Another change came first"},
	{TooLarge, http.StatusRequestEntityTooLarge, "The body is too large"},
	{MediaType, http.StatusUnsupportedMediaType, "The body must be JSON"},
	{FieldInvalid, http.StatusUnprocessableEntity, "A field of the body is not valid"},
	{OutcomeInvalid, http.StatusUnprocessableEntity, "The outcome does not fit the task"},
	{KeyReused, http.StatusUnprocessableEntity, "The Idempotency-Key belongs to another order"},
	{Unavailable, http.StatusServiceUnavailable, "The service cannot answer now"},
}

// Codes lists every code.
func Codes() []Code {
	all := make([]Code, len(problemTypes))
	for i, p := range problemTypes {
		all[i] = p.code
	}
	return all
}

type apiError struct {
	code   Code
	detail string
}

func (e apiError) Error() string { return e.detail }

// errorCodes maps errors of the packages tasks and stock to codes.
var errorCodes = []struct {
	err  error
	code Code
}{
	{tasks.ErrNoKey, KeyNotFound},
	{tasks.ErrNoTask, TaskNotFound},
	{tasks.ErrTaskOpen, TaskOpen},
	{tasks.ErrTaskEnded, TaskEnded},
	{tasks.ErrTaskLeased, TaskLeased},
	{tasks.ErrNotSuspect, NotSuspect},
	{tasks.ErrNotSpent, NotSpent},
	{tasks.ErrOutcome, OutcomeInvalid},
	{stock.ErrPlan, PlanNotFound},
}

const (
	unavailableDetail = "the database is away or slow: repeat the request, since a change may have been made or not"
	conflictDetail    = "another change was made at the same time: repeat the request"
)

// toAPIError returns the apiError for an error. An unknown error becomes [Unavailable]: the client does not get its text,
// but the log contains it.
func toAPIError(err error) apiError {
	if e, is := errors.AsType[apiError](err); is {
		return e
	}
	for _, c := range errorCodes {
		if errors.Is(err, c.err) {
			return apiError{c.code, c.err.Error()}
		}
	}
	if errors.Is(err, tasks.ErrConflict) || errors.Is(err, tasks.ErrFenced) {
		return apiError{Contended, conflictDetail}
	}
	return apiError{Unavailable, unavailableDetail}
}

type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   Code   `json:"code"`
}

func (e apiError) problem() problem {
	for _, p := range problemTypes {
		if p.code == e.code {
			return problem{"urn:keyseat:problem:" + string(p.code), p.title, p.status, e.detail, p.code}
		}
	}
	return apiError{Unavailable, unavailableDetail}.problem() // not reached: the table contains every code
}
