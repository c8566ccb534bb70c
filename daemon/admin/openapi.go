package admin

import (
	_ "embed" // for the documents
	"encoding/json"
)

// The documents are not generated. The tests check every answer against them.
var (
	//go:embed openapi.json
	adminDocument []byte
	//go:embed public-openapi.json
	publicDocument []byte
)

// document serves a document without a token, because the description of the API is not secret.
func document(text []byte) func(*call) (answer, error) {
	return func(*call) (answer, error) { return found(json.RawMessage(text)) }
}
