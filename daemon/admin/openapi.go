package admin

import (
	_ "embed" // of the documents
	"encoding/json"
)

// The documents are written by hand; the tests hold every answer to them.
var (
	//go:embed openapi.json
	adminDocument []byte
	//go:embed public-openapi.json
	publicDocument []byte
)

// document serves a document to everybody: it is no secret what the API is like.
func document(text []byte) func(*call) (answer, error) {
	return func(*call) (answer, error) { return found(json.RawMessage(text)) }
}
