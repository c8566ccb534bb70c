package blackbox_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// A OpenAPI is a document that a daemon serves of one of its APIs.
type OpenAPI struct{ *openapi3.T }

// OpenAPI reads a document, which needs no token.
func (d *Daemon) OpenAPI(name string) OpenAPI {
	d.Helper()
	a, err := d.Send("GET", d.AdminURL+"/admin/v1/"+name, "", nil)
	if err != nil || a.Code != 200 {
		d.Fatalf("%s: %d, %v", name, a.Code, err)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(a.Body))
	if err == nil {
		err = doc.Validate(d.Context())
	}
	if err != nil {
		d.Fatalf("%s: %v", name, err)
	}
	return OpenAPI{doc}
}

// Check says how an answer to a request does not fit the document.
func (s OpenAPI) Check(method, target string, a Response) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	operation := s.operation(method, u.EscapedPath())
	if operation == nil {
		return fmt.Errorf("there is no %s %s", method, u.Path)
	}
	declared := operation.Responses.Value(strconv.Itoa(a.Code))
	if declared == nil {
		return fmt.Errorf("%s has no answer %d", operation.OperationID, a.Code)
	}
	if declared.Value.Content == nil {
		return nil
	}
	media := declared.Value.Content.Get(a.Header.Get("Content-Type"))
	if media == nil {
		return fmt.Errorf("%s answers no %s", operation.OperationID, a.Header.Get("Content-Type"))
	}
	var body any
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil {
		return err
	}
	return media.Schema.Value.VisitJSON(body, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation())
}

// operation finds the one whose template the path fits.
func (s OpenAPI) operation(method, path string) *openapi3.Operation {
	got := strings.Split(path, "/")
	for template, item := range s.Paths.Map() {
		want := strings.Split(template, "/")
		fits := len(want) == len(got)
		for i := range want {
			fits = fits && (want[i] == got[i] || strings.HasPrefix(want[i], "{"))
		}
		if fits {
			return item.GetOperation(method)
		}
	}
	return nil
}
